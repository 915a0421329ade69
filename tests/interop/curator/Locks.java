import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;

/** The locks: that they exclude, that they let go, that they can be revoked. */
final class Locks {
  private final Run run;
  private final CuratorFramework a;
  private final CuratorFramework b;

  Locks(Run run, CuratorFramework a, CuratorFramework b) {
    this.run = run;
    this.a = a;
    this.b = b;
  }

  void check() {
    run.check("mutex", d -> excludes(c -> new InterProcessMutex(c, d)));
    run.check("mutex re-entered", this::reentered);
    run.check("mutex revoked", this::revoked);
    run.check("semaphore mutex", d -> excludes(c -> new InterProcessSemaphoreMutex(c, d)));
    run.check("write lock", d -> excludes(c -> new InterProcessReadWriteLock(c, d).writeLock()));
    run.check("read lock", this::readers);
    run.check("multi lock", d -> excludes(
        c -> new InterProcessMultiLock(c, List.of(d + "/1", d + "/2", d + "/3"))));
    run.check("semaphore", this::semaphore);
    run.check("lock of an ended session", this::ended);
  }

  private interface Maker {
    InterProcessLock make(CuratorFramework client);
  }

  /** Six threads over two sessions, five rounds each, never two inside. */
  private void excludes(Maker maker) throws Exception {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger rounds = new AtomicInteger();
    AtomicBoolean overlapped = new AtomicBoolean();
    List<Callable<Void>> work = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      CuratorFramework client = i % 2 == 0 ? a : b;
      work.add(() -> {
        InterProcessLock lock = maker.make(client);
        for (int round = 0; round < 5; round++) {
          Run.require(lock.acquire(60, TimeUnit.SECONDS), "acquired");
          if (inside.incrementAndGet() != 1) {
            overlapped.set(true);
          }
          Thread.yield();
          inside.decrementAndGet();
          rounds.incrementAndGet();
          lock.release();
        }
        return null;
      });
    }
    all(work);
    Run.same(30, rounds.get(), "rounds");
    Run.require(!overlapped.get(), "two were inside at once");
  }

  static void all(List<Callable<Void>> work) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(work.size());
    try {
      for (Future<Void> future : threads.invokeAll(work, 120, TimeUnit.SECONDS)) {
        future.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private void reentered(String d) throws Exception {
    InterProcessMutex lock = new InterProcessMutex(a, d);
    InterProcessMutex other = new InterProcessMutex(b, d);
    lock.acquire();
    lock.acquire();
    lock.release();
    Run.require(lock.isAcquiredInThisProcess(), "still held");
    Run.require(!other.acquire(200, TimeUnit.MILLISECONDS), "held by the other");
    lock.release();
    Run.require(other.acquire(40, TimeUnit.SECONDS), "free");
    other.release();
    Nodes.synced(b, d);
    Run.same(0, b.getChildren().forPath(d).size(), "no node left over");
  }

  private void revoked(String d) throws Exception {
    InterProcessMutex lock = new InterProcessMutex(a, d);
    AtomicBoolean asked = new AtomicBoolean();
    lock.makeRevocable(held -> asked.set(true));
    lock.acquire();
    Collection<String> nodes = lock.getParticipantNodes();
    Run.same(1, nodes.size(), "participants");
    Revoker.attemptRevoke(a, nodes.iterator().next());
    Run.await("the wish to revoke", asked::get);
    lock.release();
  }

  private void readers(String d) throws Exception {
    InterProcessReadWriteLock first = new InterProcessReadWriteLock(a, d);
    InterProcessReadWriteLock second = new InterProcessReadWriteLock(b, d);
    first.readLock().acquire();
    Run.require(second.readLock().acquire(40, TimeUnit.SECONDS), "two readers");
    Run.require(!second.writeLock().acquire(200, TimeUnit.MILLISECONDS), "no writer beside readers");
    first.readLock().release();
    second.readLock().release();
    Run.require(second.writeLock().acquire(40, TimeUnit.SECONDS), "a writer alone");
    Run.require(!first.readLock().acquire(200, TimeUnit.MILLISECONDS), "no reader beside a writer");
    // A writer may read, too, and keep that when it stops writing.
    Run.require(second.readLock().acquire(40, TimeUnit.SECONDS), "downgrade");
    second.writeLock().release();
    Run.require(first.readLock().acquire(40, TimeUnit.SECONDS), "readers again");
    first.readLock().release();
    second.readLock().release();
  }

  private void semaphore(String d) throws Exception {
    InterProcessSemaphoreV2 first = new InterProcessSemaphoreV2(a, d, 3);
    InterProcessSemaphoreV2 second = new InterProcessSemaphoreV2(b, d, 3);
    Collection<Lease> two = first.acquire(2);
    Lease third = second.acquire(40, TimeUnit.SECONDS);
    Run.require(third != null, "three of three");
    Run.require(second.acquire(200, TimeUnit.MILLISECONDS) == null, "no fourth");
    Run.same(3, first.getParticipantNodes().size(), "participants");
    first.returnAll(two);
    Collection<Lease> more = second.acquire(2, 40, TimeUnit.SECONDS);
    Run.require(more != null, "the returned leases");
    second.returnAll(more);
    second.returnLease(third);
  }

  private void ended(String d) throws Exception {
    CuratorFramework gone = run.client();
    InterProcessMutex lock = new InterProcessMutex(gone, d);
    lock.acquire();
    InterProcessMutex other = new InterProcessMutex(b, d);
    Run.require(!other.acquire(200, TimeUnit.MILLISECONDS), "held");
    gone.close();
    Run.require(other.acquire(40, TimeUnit.SECONDS), "free when its session ends");
    other.release();
  }
}
