package peer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** All that is kept of one customer: the hour, the last minutes, habits, the payments of an hour. */
public final class Customer {
    static final double HOUR = 3_600;
    static final int PARTS = 5;

    public double hourStart = -1;
    public Stats hour = new Stats();
    public Map<Long, Stats> minutes = new HashMap<>();
    public long count;
    public double sum;
    public double squares;
    public Map<String, Double> devices = new HashMap<>();
    public Map<String, Double> locations = new HashMap<>();
    public List<double[]> payments = new ArrayList<>();

    /** Takes a payment in, and says which of the shipped rules it breaks. */
    List<String> take(Payment payment) {
        boolean known = count >= 5;
        String device = payment.device();
        boolean isNewDevice = known && device != null && !devices.containsKey(device);
        double zscore = known ? zscore(payment.amount) : 0;
        addToHour(payment);
        Stats recent = addToMinutes(payment);
        addToHabits(payment, device);
        return broken(payment, recent, isNewDevice, zscore);
    }

    private void addToHour(Payment payment) {
        double start = Math.floor(payment.seconds() / HOUR) * HOUR;
        if (start != hourStart) {
            hourStart = start;
            hour = new Stats();
        }
        hour.add(payment);
    }

    private Stats addToMinutes(Payment payment) {
        long now = (long) (payment.seconds() / 60);
        minutes.keySet().removeIf(start -> start <= now - PARTS);
        minutes.computeIfAbsent(now, start -> new Stats()).add(payment);
        Stats recent = new Stats();
        minutes.values().forEach(recent::merge);
        return recent;
    }

    private void addToHabits(Payment payment, String device) {
        double now = payment.seconds();
        count++;
        sum += payment.amount;
        squares += payment.amount * payment.amount;
        if (device != null) {
            devices.put(device, now);
        }
        if (payment.location != null) {
            locations.put(payment.location, now);
        }
        payments.removeIf(one -> one[0] <= now - HOUR);
        payments.add(new double[] {now, payment.amount});
    }

    private double zscore(double amount) {
        double mean = sum / count;
        double deviation = Math.sqrt(Math.max(squares / count - mean * mean, 0));
        double score = (amount - mean) / Math.max(Math.max(deviation, 0.1 * mean), 0.01);
        return Math.min(Math.max(score, -100), 100);
    }

    private List<String> broken(Payment payment, Stats recent, boolean isNewDevice, double zscore) {
        double now = payment.seconds();
        double amount = payment.amount;
        long countHour = 0;
        double sumHour = 0;
        for (double[] one : payments) {
            if (one[0] > now - HOUR) {
                countHour++;
                sumHour += one[1];
            }
        }
        boolean isNight = now / HOUR % 24 < 6;
        boolean isRisky = "Cryptocurrency".equals(payment.payment_method) || "Gift Card".equals(payment.payment_method);
        List<String> found = new ArrayList<>(2);
        add(found, "amount-above-threshold", amount > 1000);
        add(found, "velocity-count", recent.count >= 6);
        add(found, "velocity-sum", recent.sum > 1500 && recent.count >= 3);
        add(found, "sliding-velocity-count", countHour >= 12);
        add(found, "sliding-velocity-sum", sumHour > 2500 && countHour >= 3);
        add(found, "amount-out-of-habit", zscore > 6 && amount > 150);
        add(found, "several-locations", seenWithinHour(locations, now) >= 3);
        add(found, "several-devices", seenWithinHour(devices, now) >= 3);
        add(found, "new-device-high-amount", isNewDevice && amount > 300);
        add(found, "night-high-amount", isNight && amount > 500);
        add(found, "risky-method-high-amount", isRisky && amount > 300);
        return found;
    }

    private static void add(List<String> found, String rule, boolean isBroken) {
        if (isBroken) {
            found.add(rule);
        }
    }

    private static long seenWithinHour(Map<String, Double> known, double now) {
        return known.values().stream().filter(last -> last > now - HOUR).count();
    }
}
