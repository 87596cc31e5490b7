import java.io.FileInputStream;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends one record as a partner would: with client.properties as they were handed over. */
class SendOne {
    public static void main(String[] topicKeyValue) throws Exception {
        Properties chosen = new Properties();
        chosen.load(new FileInputStream("client.properties"));
        try (var producer = new KafkaProducer<>(chosen, new StringSerializer(), new StringSerializer())) {
            var sent = producer.send(new ProducerRecord<>(topicKeyValue[0], topicKeyValue[1], topicKeyValue[2]));
            System.out.println("offset " + sent.get().offset());
        }
    }
}
