package peer;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The same work on Kafka Streams: statistics, habits and the shipped rules; no model.
 *
 * <p>One value a customer in one RocksDB store with its cache, as shipped; each payment reads and writes it once. It makes
 * only the features that the rules name, which is to its advantage.
 */
public final class Main {
    private static final Logger LOG = LoggerFactory.getLogger("streams.alerts");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORE = "customers";

    private Main() {}

    public static void main(String[] arguments) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), customers())
                        .withCachingEnabled());
        builder.stream("transactions", Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .process(Judge::new, STORE)
                .to("streams-alerts", Produced.with(Serdes.String(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings());
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams");
        settings.put(
                StreamsConfig.BOOTSTRAP_SERVERS_CONFIG,
                System.getenv("FRAUD_STREAM_BROKER_URL").replace("kafka://", ""));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("PEER_STATE"));
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1_000);
        // As shipped outputs wait a tenth of a second for others to share a batch with.
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
        return settings;
    }

    private static Serde<Customer> customers() {
        return Serdes.serdeFrom(
                (topic, customer) -> customer == null ? null : write(customer),
                (topic, data) -> data == null ? null : read(data, Customer.class));
    }

    private static byte[] write(Object value) {
        try {
            return JSON.writeValueAsBytes(value);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static <T> T read(byte[] data, Class<T> kind) {
        try {
            return JSON.readValue(data, kind);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static final class Judge implements Processor<String, byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, Customer> store;

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            store = given.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            Payment payment = read(record.value(), Payment.class);
            Customer known = store.get(payment.customer_id);
            Customer customer = known == null ? new Customer() : known;
            List<String> reasons = customer.take(payment);
            store.put(payment.customer_id, customer);
            if (!reasons.isEmpty()) {
                LOG.info("ALERT {}: {}", payment.transaction_id, reasons);
                Map<String, Object> alert =
                        Map.of("transaction_id", payment.transaction_id, "amount", payment.amount, "reasons", reasons);
                context.forward(record.withValue(write(alert)));
            }
        }
    }
}
