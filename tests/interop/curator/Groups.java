import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.strategies.RoundRobinStrategy;

/** Group membership and service discovery. */
final class Groups {
  private final Run run;
  private final CuratorFramework a;
  private final CuratorFramework b;

  Groups(Run run, CuratorFramework a, CuratorFramework b) {
    this.run = run;
    this.a = a;
    this.b = b;
  }

  void check() {
    run.check("group member", this::members);
    run.check("service discovery", this::discovery);
    run.check("service cache and provider", this::provider);
  }

  private void members(String d) throws Exception {
    GroupMember one = new GroupMember(a, d, "one", "1".getBytes());
    GroupMember two = new GroupMember(b, d, "two", "2".getBytes());
    one.start();
    two.start();
    Run.await("both see both", () -> one.getCurrentMembers().size() == 2
        && two.getCurrentMembers().size() == 2);
    two.setThisData("zwei".getBytes());
    Run.await("changed data", () -> {
      Map<String, byte[]> seen = one.getCurrentMembers();
      return seen.containsKey("two") && new String(seen.get("two")).equals("zwei");
    });
    two.close();
    Run.await("one is left", () -> one.getCurrentMembers().keySet().equals(new TreeSet<>(List.of("one"))));
    one.close();
  }

  static ServiceInstance<String> instance(String id, int port) throws Exception {
    return ServiceInstance.<String>builder().name("mail").id(id).address("127.0.0.1").port(port)
        .payload("payload of " + id).build();
  }

  static ServiceDiscovery<String> discovery(CuratorFramework client, String d, ServiceInstance<String> self)
      throws Exception {
    ServiceDiscoveryBuilder<String> builder =
        ServiceDiscoveryBuilder.builder(String.class).client(client).basePath(d);
    if (self != null) {
      builder.thisInstance(self);
    }
    ServiceDiscovery<String> made = builder.build();
    made.start();
    return made;
  }

  private void discovery(String d) throws Exception {
    ServiceDiscovery<String> one = discovery(a, d, instance("i1", 1001));
    ServiceDiscovery<String> two = discovery(b, d, instance("i2", 1002));
    ServiceDiscovery<String> reader = discovery(b, d, null);
    Run.await("two instances", () -> reader.queryForInstances("mail").size() == 2);
    Run.same(List.of("mail"), List.copyOf(reader.queryForNames()), "names");
    Run.same("payload of i1", reader.queryForInstance("mail", "i1").getPayload(), "payload");
    Run.same(1002, reader.queryForInstance("mail", "i2").getPort(), "port");
    one.unregisterService(reader.queryForInstance("mail", "i1"));
    Run.await("one instance", () -> reader.queryForInstances("mail").size() == 1);
    one.close();
    two.close();
    Run.await("none", () -> reader.queryForInstances("mail").isEmpty());
    reader.close();
  }

  private void provider(String d) throws Exception {
    ServiceDiscovery<String> one = discovery(a, d, instance("i1", 1001));
    ServiceCache<String> cache = one.serviceCacheBuilder().name("mail").build();
    cache.start();
    ServiceProvider<String> provider = one.serviceProviderBuilder().serviceName("mail")
        .providerStrategy(new RoundRobinStrategy<>()).build();
    provider.start();
    ServiceDiscovery<String> two = discovery(b, d, instance("i2", 1002));
    Run.await("two cached", () -> cache.getInstances().size() == 2);
    Run.await("two provided", () -> provider.getAllInstances().size() == 2);
    TreeSet<String> seen = new TreeSet<>();
    for (int i = 0; i < 4; i++) {
      seen.add(provider.getInstance().getId());
    }
    Run.same(new TreeSet<>(List.of("i1", "i2")), seen, "in turn");
    two.close();
    Run.await("one cached", () -> cache.getInstances().size() == 1);
    provider.close();
    cache.close();
    one.close();
  }
}
