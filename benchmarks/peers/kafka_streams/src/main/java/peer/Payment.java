package peer;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.time.LocalDateTime;
import java.time.ZoneOffset;

/** A payment as it stands on the topic. */
@JsonIgnoreProperties(ignoreUnknown = true)
public final class Payment {
    public String transaction_id;
    public String customer_id;
    public String timestamp;
    public double amount;
    public String merchant_id;
    public String product_category;
    public String payment_method;
    public String device_type;
    public String device_id;
    public String location;
    private double seconds = Double.NaN;

    /** Seconds since 1970. */
    double seconds() {
        if (Double.isNaN(seconds)) {
            LocalDateTime time = LocalDateTime.parse(timestamp.replace(' ', 'T').replace("Z", ""));
            seconds = time.toEpochSecond(ZoneOffset.UTC) + time.getNano() / 1e9;
        }
        return seconds;
    }

    /** The most exact thing known of the device. */
    String device() {
        return device_id != null ? device_id : device_type;
    }
}
