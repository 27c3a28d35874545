"""The archive: the topic `scored` as Parquet files by day, each transaction once, and the labels beside them."""
