"""Kafka without Faust: the embedded broker, topics, reading exact offsets, publishing."""
