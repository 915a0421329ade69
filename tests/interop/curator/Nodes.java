import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.AuthInfo;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.api.transaction.OperationType;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.utils.ZKPaths;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.server.auth.DigestAuthenticationProvider;

/** Curator's operations on nodes: kinds of nodes, versions, ACLs, watches, transactions. */
final class Nodes {
  private final Run run;
  private final CuratorFramework a;
  private final CuratorFramework b;

  Nodes(Run run, CuratorFramework a, CuratorFramework b) {
    this.run = run;
    this.a = a;
    this.b = b;
  }

  void check() {
    run.check("create kinds", this::kinds);
    run.check("versions", this::versions);
    run.check("background and protection", this::background);
    run.check("acl and auth", this::acl);
    run.check("container", this::container);
    run.check("ttl", this::ttl);
    run.check("transaction", this::transaction);
    run.check("transaction refused", this::transactionRefused);
    run.check("watched once", this::watchedOnce);
    run.check("persistent watch", d -> persistent(d, AddWatchMode.PERSISTENT));
    run.check("recursive watch", d -> persistent(d, AddWatchMode.PERSISTENT_RECURSIVE));
    run.check("removed watches", this::removed);
    run.check("persistent node", this::persistentNode);
    run.check("persistent ttl node", this::persistentTtlNode);
    run.check("guaranteed delete", this::guaranteed);
  }

  private void kinds(String d) throws Exception {
    Run.same(d + "/p", a.create().creatingParentsIfNeeded().forPath(d + "/p", "x".getBytes()), "path");
    synced(b, d);
    Run.same("x", new String(b.getData().forPath(d + "/p")), "data");
    Run.refuses(KeeperException.NodeExistsException.class, () -> b.create().forPath(d + "/p"));
    Run.same(d + "/s-0000000001",
        a.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(d + "/s-"), "sequence");
    Stat stat = new Stat();
    a.create().storingStatIn(stat).withMode(CreateMode.EPHEMERAL).forPath(d + "/e");
    Run.same(a.getZookeeperClient().getZooKeeper().getSessionId(), stat.getEphemeralOwner(), "owner");
    Run.refuses(KeeperException.NoChildrenForEphemeralsException.class,
        () -> a.create().forPath(d + "/e/c"));
    List<String> names = a.getChildren().storingStatIn(stat).forPath(d);
    Collections.sort(names);
    Run.same(List.of("e", "p", "s-0000000001"), names, "children");
    Run.same(3, stat.getNumChildren(), "numChildren");
    Run.same(3, stat.getCversion(), "cversion");
  }

  private void versions(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d, new byte[0]);
    Run.same(1, b.setData().withVersion(0).forPath(d, "1".getBytes()).getVersion(), "version");
    Run.refuses(KeeperException.BadVersionException.class,
        () -> a.setData().withVersion(0).forPath(d, new byte[0]));
    Run.refuses(KeeperException.BadVersionException.class,
        () -> a.delete().withVersion(7).forPath(d));
    Run.same("1", new String(a.getData().forPath(d)), "data after refusals");
    a.delete().withVersion(1).forPath(d);
    Run.require(b.checkExists().forPath(d) == null || synced(b, d) == null, "deleted");
    Run.refuses(KeeperException.NoNodeException.class, () -> a.setData().forPath(d, new byte[0]));
  }

  /** What the client's server knows once it has all that was committed before. */
  static Stat synced(CuratorFramework client, String path) throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    client.sync().inBackground((c, event) -> done.countDown()).forPath(path);
    Run.require(done.await(40, TimeUnit.SECONDS), "sync");
    return client.checkExists().forPath(path);
  }

  private void background(String d) throws Exception {
    LinkedBlockingQueue<Integer> codes = new LinkedBlockingQueue<>();
    a.create().creatingParentsIfNeeded().forPath(d);
    for (int i = 0; i < 50; i++) {
      a.create().inBackground((c, event) -> codes.add(event.getResultCode())).forPath(d + "/" + i);
    }
    for (int i = 0; i < 50; i++) {
      Run.same(0, codes.poll(40, TimeUnit.SECONDS), "background code");
    }
    Run.same(50, a.getChildren().forPath(d).size(), "children");
    String made = a.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(d + "/l-");
    Run.require(ZKPaths.getNodeFromPath(made).matches("_c_.*-l-0000000050"), made);
  }

  private void acl(String d) throws Exception {
    CuratorFramework owner = run.client();
    owner.getZookeeperClient().getZooKeeper().addAuthInfo("digest", "me:secret".getBytes());
    Id me = new Id("digest", DigestAuthenticationProvider.generateDigest("me:secret"));
    List<ACL> mine = List.of(new ACL(ZooDefs.Perms.ALL, me));
    owner.create().creatingParentsIfNeeded().withACL(ZooDefs.Ids.OPEN_ACL_UNSAFE).forPath(d, new byte[0]);
    owner.create().withACL(ZooDefs.Ids.CREATOR_ALL_ACL).forPath(d + "/c", "s".getBytes());
    Run.same(mine, owner.getACL().forPath(d + "/c"), "creator's ACL");
    Run.refuses(KeeperException.NoAuthException.class, () -> {
      synced(b, d);
      return b.getData().forPath(d + "/c");
    });
    Stat stat = owner.setACL().withVersion(0).withACL(ZooDefs.Ids.READ_ACL_UNSAFE).forPath(d + "/c");
    Run.same(1, stat.getAversion(), "aversion");
    synced(b, d);
    Run.same("s", new String(b.getData().forPath(d + "/c")), "readable now");
    Run.refuses(KeeperException.NoAuthException.class, () -> b.setData().forPath(d + "/c", new byte[0]));
    Run.refuses(KeeperException.InvalidACLException.class,
        () -> b.create().withACL(ZooDefs.Ids.CREATOR_ALL_ACL).forPath(d + "/x"));
  }

  private void container(String d) throws Exception {
    a.createContainers(d + "/box");
    // A Stat shows no owner for a container or a TTL node: only sessions are shown.
    Run.same(0L, a.checkExists().forPath(d + "/box").getEphemeralOwner(), "a container's owner");
    a.create().withMode(CreateMode.CONTAINER).forPath(d + "/other");
    a.create().forPath(d + "/other/child");
    Run.refuses(KeeperException.NotEmptyException.class, () -> a.delete().forPath(d + "/other"));
    a.delete().deletingChildrenIfNeeded().forPath(d + "/other");
  }

  private void ttl(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d);
    Stat stat = new Stat();
    a.create().withTtl(123_456).storingStatIn(stat).withMode(CreateMode.PERSISTENT_WITH_TTL)
        .forPath(d + "/t", new byte[0]);
    Run.same(0L, stat.getEphemeralOwner(), "a TTL node's owner");
    String made = a.create().withTtl(5).withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)
        .forPath(d + "/s-", new byte[0]);
    Run.same(d + "/s-0000000001", made, "sequential TTL node");
    // TTL nodes may have children, and die only without.
    a.create().forPath(d + "/t/c");
    Run.refuses(KeeperException.NotEmptyException.class, () -> a.delete().forPath(d + "/t"));
  }

  private void transaction(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d, new byte[0]);
    a.create().forPath(d + "/old", new byte[0]);
    Collection<CuratorTransactionResult> results = a.transaction().forOperations(
        a.transactionOp().create().forPath(d + "/a", "a".getBytes()),
        a.transactionOp().create().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(d + "/q-", new byte[0]),
        a.transactionOp().setData().withVersion(0).forPath(d + "/a", "b".getBytes()),
        a.transactionOp().check().withVersion(1).forPath(d + "/a"),
        a.transactionOp().delete().forPath(d + "/old"));
    List<Object> kinds = new ArrayList<>();
    results.forEach(r -> kinds.add(r.getType()));
    Run.same(List.of(OperationType.CREATE, OperationType.CREATE, OperationType.SET_DATA,
        OperationType.CHECK, OperationType.DELETE), kinds, "kinds");
    Run.require(results.stream().allMatch(r -> r.getError() == 0), "no errors");
    CuratorTransactionResult[] r = results.toArray(new CuratorTransactionResult[0]);
    Run.same(d + "/q-0000000002", r[1].getResultPath(), "sequence in a transaction");
    Run.same(1, r[2].getResultStat().getVersion(), "version in a transaction");
    synced(b, d);
    Stat x = b.checkExists().forPath(d + "/a");
    Stat y = b.checkExists().forPath(d + "/q-0000000002");
    Run.same(x.getCzxid(), y.getCzxid(), "one zxid for all");
  }

  private void transactionRefused(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d, new byte[0]);
    try {
      a.transaction().forOperations(
          a.transactionOp().create().forPath(d + "/a"),
          a.transactionOp().check().withVersion(9).forPath(d),
          a.transactionOp().delete().forPath(d + "/none"));
      throw new AssertionError("the transaction must be refused");
    } catch (KeeperException.BadVersionException refused) {
      List<Integer> codes = new ArrayList<>();
      refused.getResults().forEach(r -> codes.add(
          ((org.apache.zookeeper.OpResult.ErrorResult) r).getErr()));
      Run.same(Arrays.asList(0, KeeperException.Code.BADVERSION.intValue(),
          KeeperException.Code.RUNTIMEINCONSISTENCY.intValue()), codes, "codes of the parts");
    }
    Run.require(a.checkExists().forPath(d + "/a") == null, "nothing of it happened");
  }

  private void watchedOnce(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d);
    LinkedBlockingQueue<EventType> events = new LinkedBlockingQueue<>();
    org.apache.curator.framework.api.CuratorWatcher watcher = e -> events.add(e.getType());
    synced(b, d);
    b.checkExists().usingWatcher(watcher).forPath(d + "/x");
    a.create().forPath(d + "/x", new byte[0]);
    Run.same(EventType.NodeCreated, events.poll(40, TimeUnit.SECONDS), "created");
    b.getData().usingWatcher(watcher).forPath(d + "/x");
    a.setData().forPath(d + "/x", "1".getBytes());
    Run.same(EventType.NodeDataChanged, events.poll(40, TimeUnit.SECONDS), "changed");
    a.setData().forPath(d + "/x", "2".getBytes());
    synced(b, d);
    b.getChildren().usingWatcher(watcher).forPath(d);
    a.delete().forPath(d + "/x");
    Run.same(EventType.NodeChildrenChanged, events.poll(40, TimeUnit.SECONDS), "children");
    synced(b, d);
    Run.require(events.isEmpty(), "each watch fires once, not " + events);
  }

  private void persistent(String d, AddWatchMode mode) throws Exception {
    boolean recursive = mode == AddWatchMode.PERSISTENT_RECURSIVE;
    a.create().creatingParentsIfNeeded().forPath(d, new byte[0]);
    LinkedBlockingQueue<String> events = new LinkedBlockingQueue<>();
    synced(b, d);
    PersistentWatcher watcher = new PersistentWatcher(b, d, recursive);
    watcher.getListenable().addListener((WatchedEvent e) -> {
      if (e.getType() != EventType.None) {
        events.add(e.getType() + " " + e.getPath().substring(d.length()));
      }
    });
    CountDownLatch reset = new CountDownLatch(1);
    watcher.getResetListenable().addListener(reset::countDown);
    watcher.start();
    Run.require(reset.await(40, TimeUnit.SECONDS), "the watch is set");
    a.setData().forPath(d, "1".getBytes());
    a.setData().forPath(d, "2".getBytes());
    a.create().forPath(d + "/x", new byte[0]);
    a.create().forPath(d + "/x/y", new byte[0]);
    a.delete().forPath(d + "/x/y");
    a.delete().forPath(d + "/x");
    a.setData().forPath(d, "end".getBytes());
    List<String> expected = recursive
        ? List.of("NodeDataChanged ", "NodeDataChanged ", "NodeCreated /x", "NodeCreated /x/y",
            "NodeDeleted /x/y", "NodeDeleted /x", "NodeDataChanged ")
        : List.of("NodeDataChanged ", "NodeDataChanged ", "NodeChildrenChanged ",
            "NodeChildrenChanged ", "NodeDataChanged ");
    Run.await("all events", () -> events.size() >= expected.size());
    Run.same(expected, new ArrayList<>(events), "events");
    watcher.close();
  }

  private void removed(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d, new byte[0]);
    LinkedBlockingQueue<EventType> events = new LinkedBlockingQueue<>();
    org.apache.curator.framework.api.CuratorWatcher watcher = e -> events.add(e.getType());
    synced(b, d);
    b.getData().usingWatcher(watcher).forPath(d);
    b.watchers().remove(watcher).forPath(d);
    Run.same(EventType.DataWatchRemoved, events.poll(40, TimeUnit.SECONDS), "told of the removal");
    a.setData().forPath(d, "1".getBytes());
    synced(b, d);
    Run.require(events.isEmpty(), "a removed watch is silent, not " + events);
    Run.refuses(KeeperException.NoWatcherException.class, () -> b.watchers().remove(watcher).forPath(d));
  }

  private void persistentNode(String d) throws Exception {
    PersistentNode node = new PersistentNode(a, CreateMode.EPHEMERAL, false, d + "/n", "1".getBytes());
    node.start();
    Run.require(node.waitForInitialCreate(40, TimeUnit.SECONDS), "created");
    long first = a.checkExists().forPath(d + "/n").getCzxid();
    synced(b, d);
    b.delete().forPath(d + "/n");
    Run.await("the node is made again", () -> {
      Stat stat = b.checkExists().forPath(d + "/n");
      return stat != null && stat.getCzxid() > first;
    });
    node.setData("2".getBytes());
    Run.await("new data", () -> new String(synced(b, d) == null ? new byte[0] : b.getData().forPath(d + "/n")).equals("2"));
    node.close();
    Run.await("gone with its owner", () -> synced(b, d + "/n") == null);
  }

  private void persistentTtlNode(String d) throws Exception {
    PersistentTtlNode node = new PersistentTtlNode(a, d + "/n", 1_000, "1".getBytes());
    node.start();
    Run.require(node.waitForInitialCreate(40, TimeUnit.SECONDS), "created");
    String child = d + "/n/" + PersistentTtlNode.DEFAULT_CHILD_NODE_NAME;
    Run.await("its child is touched again and again", () -> {
      Stat stat = a.checkExists().forPath(child);
      return stat != null && stat.getVersion() >= 2;
    });
    node.close();
  }

  private void guaranteed(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d + "/x/y/z");
    a.delete().guaranteed().deletingChildrenIfNeeded().forPath(d + "/x");
    Run.require(synced(b, d + "/x") == null, "deleted");
    a.delete().quietly().forPath(d + "/x");
  }
}
