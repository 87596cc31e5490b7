import com.marcnuri.helm.Helm;
import com.marcnuri.helm.LintResult;
import java.nio.file.Path;

/** `java Chart.java lint CHART` or `java Chart.java template CHART VALUES`: what helm says, and 1 where it refuses. */
public class Chart {
  public static void main(String[] arguments) {
    var helm = new Helm(Path.of(arguments[1]));
    try {
      if (arguments[0].equals("lint")) {
        LintResult result = helm.lint().strict().call();
        result.getMessages().forEach(System.out::println);
        System.exit(result.isFailed() ? 1 : 0);
      }
      var template = helm.template().withName("prod").withNamespace("health").withKubeVersion("1.30.0");
      System.out.println(template.withValuesFile(Path.of(arguments[2])).call());
    } catch (RuntimeException refused) {
      System.out.println(refused.getMessage());
      System.exit(1);
    }
  }
}
