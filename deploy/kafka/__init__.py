"""Apache Kafka on this machine from Maven Central's jars: one broker or several, KRaft, no containers."""
