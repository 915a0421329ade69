import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.zookeeper.CreateMode;

/**
 * Recipes that hold something, made before the leader is killed, judged after. One thread goes on
 * taking a lock and counting all the while.
 */
final class Survivors {
  private static final String ROOT = "/survivors";

  private final Run run;
  private final CuratorFramework a;
  private final CuratorFramework b;
  private final long sessionOfA;
  private final InterProcessMutex mutex;
  private final InterProcessSemaphoreV2 semaphore;
  private final Lease lease;
  private final List<LeaderLatch> latches;
  private final CuratorCache cache;
  private final PersistentNode node;
  private final List<GroupMember> members;
  private final ServiceDiscovery<String> service;
  private final AtomicBoolean working = new AtomicBoolean(true);
  private final AtomicInteger inside = new AtomicInteger();
  private final AtomicInteger overlaps = new AtomicInteger();
  private final AtomicInteger rounds = new AtomicInteger();
  private final ExecutorService threads = Executors.newFixedThreadPool(4);
  private final List<Future<Integer>> workers = new java.util.ArrayList<>();

  Survivors(Run run, CuratorFramework a, CuratorFramework b) throws Exception {
    this.run = run;
    this.a = a;
    this.b = b;
    sessionOfA = a.getZookeeperClient().getZooKeeper().getSessionId();
    mutex = new InterProcessMutex(a, ROOT + "/mutex");
    mutex.acquire();
    semaphore = new InterProcessSemaphoreV2(a, ROOT + "/semaphore", 1);
    lease = semaphore.acquire();
    latches = List.of(new LeaderLatch(a, ROOT + "/latch", "a"), new LeaderLatch(b, ROOT + "/latch", "b"));
    for (LeaderLatch latch : latches) {
      latch.start();
    }
    Run.await("a leader", () -> Leaders.leaders(latches) == 1);
    a.create().creatingParentsIfNeeded().forPath(ROOT + "/cached/x", "1".getBytes());
    cache = CuratorCache.build(b, ROOT + "/cached");
    cache.start();
    Run.await("the cache is filled", () -> cache.size() == 2);
    node = new PersistentNode(a, CreateMode.EPHEMERAL, false, ROOT + "/node", "n".getBytes());
    node.start();
    Run.require(node.waitForInitialCreate(40, TimeUnit.SECONDS), "the node");
    members = List.of(new GroupMember(a, ROOT + "/group", "a"), new GroupMember(b, ROOT + "/group", "b"));
    members.forEach(GroupMember::start);
    Run.await("a group of two", () -> members.get(1).getCurrentMembers().size() == 2);
    service = Groups.discovery(a, ROOT + "/services", Groups.instance("i1", 1001));
    for (int i = 0; i < 4; i++) {
      CuratorFramework client = i % 2 == 0 ? a : b;
      workers.add(threads.submit(() -> work(client)));
    }
    Run.await("work has begun", () -> rounds.get() >= 8);
  }

  /** Increments that were acknowledged. */
  private int work(CuratorFramework client) throws Exception {
    InterProcessMutex lock = new InterProcessMutex(client, ROOT + "/work");
    DistributedAtomicLong counter =
        new DistributedAtomicLong(client, ROOT + "/count", new RetryNTimes(1000, 5));
    int acknowledged = 0;
    while (working.get()) {
      lock.acquire();
      if (inside.incrementAndGet() != 1) {
        overlaps.incrementAndGet();
      }
      AtomicValue<Long> value = counter.increment();
      acknowledged += value.succeeded() ? 1 : 0;
      inside.decrementAndGet();
      lock.release();
      rounds.incrementAndGet();
    }
    return acknowledged;
  }

  void check() {
    run.check("survives: work under a lock", d -> {
      int before = rounds.get();
      Run.await("work goes on", () -> rounds.get() >= before + 20);
      working.set(false);
      long acknowledged = 0;
      for (Future<Integer> worker : workers) {
        acknowledged += worker.get(90, TimeUnit.SECONDS);
      }
      threads.shutdown();
      Run.same(0, overlaps.get(), "overlaps");
      // An increment whose answer was lost may have happened: at most one for each worker.
      long counted = new DistributedAtomicLong(a, ROOT + "/count", new RetryNTimes(10, 5)).get().postValue();
      Run.require(counted >= acknowledged && counted <= acknowledged + 4,
          counted + " counted, " + acknowledged + " acknowledged");
    });
    run.check("survives: session", d -> Run.same(sessionOfA,
        a.getZookeeperClient().getZooKeeper().getSessionId(), "session id"));
    run.check("survives: mutex", d -> {
      InterProcessMutex other = new InterProcessMutex(b, ROOT + "/mutex");
      Run.require(!other.acquire(300, TimeUnit.MILLISECONDS), "still held");
      mutex.release();
      Run.require(other.acquire(40, TimeUnit.SECONDS), "free");
      other.release();
    });
    run.check("survives: semaphore", d -> {
      InterProcessSemaphoreV2 other = new InterProcessSemaphoreV2(b, ROOT + "/semaphore", 1);
      Run.require(other.acquire(300, TimeUnit.MILLISECONDS) == null, "still held");
      semaphore.returnLease(lease);
      Lease now = other.acquire(40, TimeUnit.SECONDS);
      Run.require(now != null, "free");
      other.returnLease(now);
    });
    run.check("survives: leader latch", d -> {
      Run.await("one leader again", () -> Leaders.leaders(latches) == 1);
      for (LeaderLatch latch : latches) {
        latch.close();
      }
    });
    run.check("survives: curator cache", d -> {
      a.setData().forPath(ROOT + "/cached/x", "2".getBytes());
      a.create().forPath(ROOT + "/cached/y", "3".getBytes());
      Run.await("the cache follows", () -> cache.size() == 3
          && Caches.data(cache.get(ROOT + "/cached/x").orElse(null)).equals("2"));
      cache.close();
    });
    run.check("survives: persistent node", d -> {
      Run.await("the node is there", () -> b.checkExists().forPath(ROOT + "/node") != null);
      node.close();
    });
    run.check("survives: group member", d -> {
      Run.await("a group of two", () -> members.get(1).getCurrentMembers().size() == 2);
      members.forEach(GroupMember::close);
    });
    run.check("survives: service discovery", d -> {
      Run.await("still registered", () -> service.queryForInstances("mail").size() == 1);
      service.close();
    });
  }
}
