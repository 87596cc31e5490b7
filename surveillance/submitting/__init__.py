"""What partners hand in without Kafka: files and single records, checked whole, kept until it is sent."""
