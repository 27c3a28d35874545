package peer;

import java.util.ArrayList;
import java.util.List;

/** Statistics of the payments in one window, or in a part of one. */
public final class Stats {
    public long count;
    public double sum;
    public double squares;
    public double low = Double.MAX_VALUE;
    public double high = -Double.MAX_VALUE;
    public double first = Double.MAX_VALUE;
    public double last = -Double.MAX_VALUE;
    public List<String> locations = new ArrayList<>();
    public List<String> devices = new ArrayList<>();
    public List<String> merchants = new ArrayList<>();
    public List<String> categories = new ArrayList<>();

    void add(Payment payment) {
        count++;
        sum += payment.amount;
        squares += payment.amount * payment.amount;
        low = Math.min(low, payment.amount);
        high = Math.max(high, payment.amount);
        first = Math.min(first, payment.seconds());
        last = Math.max(last, payment.seconds());
        note(locations, payment.location);
        note(devices, payment.device());
        note(merchants, payment.merchant_id);
        note(categories, payment.product_category);
    }

    void merge(Stats other) {
        count += other.count;
        sum += other.sum;
        squares += other.squares;
        low = Math.min(low, other.low);
        high = Math.max(high, other.high);
        first = Math.min(first, other.first);
        last = Math.max(last, other.last);
        other.locations.forEach(name -> note(locations, name));
        other.devices.forEach(name -> note(devices, name));
        other.merchants.forEach(name -> note(merchants, name));
        other.categories.forEach(name -> note(categories, name));
    }

    private static void note(List<String> names, String name) {
        if (name != null && !names.contains(name)) {
            names.add(name);
        }
    }
}
