import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;

/**
 * Curator's recipes against the servers of the first argument. Each check is one line, "ok NAME" or
 * "FAIL NAME: why"; the last line counts them.
 *
 * <p>With a second argument, "kill", recipes that hold something are set up first, "kill now" is
 * printed and a line of standard input is awaited: meanwhile the caller kills the leader. Then the
 * recipes must hold what they held, and all the other checks run, too.
 */
public final class Run {
  private final String hosts;
  private final List<String> failed = new ArrayList<>();
  private final List<CuratorFramework> clients = new ArrayList<>();
  private int checks;

  private Run(String hosts) {
    this.hosts = hosts;
  }

  /** A check fails by throwing; its directory is of its own. */
  interface Body {
    void run(String directory) throws Exception;
  }

  void check(String name, Body body) {
    checks++;
    try {
      body.run("/curator/" + name.replace(' ', '-'));
      System.out.println("ok " + name);
    } catch (Throwable failure) {
      failed.add(name);
      System.out.println("FAIL " + name + ": " + failure);
      failure.printStackTrace();
    }
    System.out.flush();
  }

  /** A started client with a session of its own, that tries again for a long while. */
  CuratorFramework client() throws Exception {
    CuratorFramework client =
        CuratorFrameworkFactory.builder()
            .connectString(hosts)
            .sessionTimeoutMs(20_000)
            .connectionTimeoutMs(15_000)
            .retryPolicy(new RetryNTimes(200, 100))
            .build();
    client.start();
    require(client.blockUntilConnected(30, java.util.concurrent.TimeUnit.SECONDS), "connected");
    clients.add(client);
    return client;
  }

  static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }

  static void same(Object expected, Object actual, String what) {
    require(expected.equals(actual), what + ": expected " + expected + ", got " + actual);
  }

  /** Polls until the condition holds. The limit is no measurement: it only ends a hang. */
  static void await(String what, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(40).toNanos();
    while (!condition.call()) {
      require(System.nanoTime() < end, what + " never came");
      Thread.sleep(10);
    }
  }

  /** The exception of the wanted type that the action must throw. */
  static void refuses(Class<? extends Exception> wanted, Callable<?> action) throws Exception {
    try {
      action.call();
    } catch (Exception thrown) {
      require(wanted.isInstance(thrown), wanted.getSimpleName() + " wanted, got " + thrown);
      return;
    }
    throw new AssertionError(wanted.getSimpleName() + " wanted, nothing was thrown");
  }

  private boolean all(boolean with_kill) throws Exception {
    CuratorFramework a = client();
    CuratorFramework b = client();
    if (with_kill) {
      Survivors survivors = new Survivors(this, a, b);
      System.out.println("kill now");
      System.out.flush();
      new BufferedReader(new InputStreamReader(System.in)).readLine();
      survivors.check();
    }
    new Nodes(this, a, b).check();
    new Locks(this, a, b).check();
    new Leaders(this, a, b).check();
    new Caches(this, a, b).check();
    new Counters(this, a, b).check();
    new Groups(this, a, b).check();
    for (CuratorFramework client : clients) {
      client.close();
    }
    System.out.println("curator: " + (checks - failed.size()) + " of " + checks + " ok");
    return failed.isEmpty();
  }

  public static void main(String[] arguments) throws Exception {
    boolean ok = new Run(arguments[0]).all(arguments.length > 1 && arguments[1].equals("kill"));
    System.exit(ok ? 0 : 1);
  }
}
