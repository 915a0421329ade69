import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/** Counters, barriers and queues. */
final class Counters {
  private final Run run;
  private final CuratorFramework a;
  private final CuratorFramework b;

  Counters(Run run, CuratorFramework a, CuratorFramework b) {
    this.run = run;
    this.a = a;
    this.b = b;
  }

  void check() {
    run.check("shared count", this::sharedCount);
    run.check("shared value", this::sharedValue);
    run.check("atomic long", this::atomicLong);
    run.check("atomic long by lock", this::promoted);
    run.check("cached atomic long", this::cached);
    run.check("barrier", this::barrier);
    run.check("double barrier", this::doubleBarrier);
    run.check("queue", this::queue);
    run.check("queue by id", this::idQueue);
    run.check("priority queue", this::priorityQueue);
    run.check("delay queue", this::delayQueue);
    run.check("simple queue", this::simpleQueue);
  }

  private void sharedCount(String d) throws Exception {
    SharedCount one = new SharedCount(a, d, 5);
    SharedCount two = new SharedCount(b, d, 5);
    one.start();
    two.start();
    Run.same(5, two.getCount(), "seed");
    Run.require(one.trySetCount(one.getVersionedValue(), 7), "set");
    Run.await("seen by the other", () -> two.getCount() == 7);
    Run.require(two.trySetCount(two.getVersionedValue(), 8), "set by the other");
    one.close();
    two.close();
  }

  private void sharedValue(String d) throws Exception {
    SharedValue one = new SharedValue(a, d, "x".getBytes());
    SharedValue two = new SharedValue(b, d, "x".getBytes());
    one.start();
    two.start();
    one.setValue("y".getBytes());
    Run.await("seen by the other", () -> new String(two.getValue()).equals("y"));
    one.close();
    two.close();
  }

  private void atomicLong(String d) throws Exception {
    count(() -> new DistributedAtomicLong(a, d, new RetryNTimes(1000, 2)),
        () -> new DistributedAtomicLong(b, d, new RetryNTimes(1000, 2)));
  }

  private void promoted(String d) throws Exception {
    PromotedToLock lock = PromotedToLock.builder().lockPath(d + "/lock")
        .retryPolicy(new RetryNTimes(1000, 2)).timeout(60, TimeUnit.SECONDS).build();
    count(() -> new DistributedAtomicLong(a, d + "/n", new RetryNTimes(1, 1), lock),
        () -> new DistributedAtomicLong(b, d + "/n", new RetryNTimes(1, 1), lock));
  }

  private void count(Callable<DistributedAtomicLong> first, Callable<DistributedAtomicLong> second)
      throws Exception {
    List<Callable<Void>> work = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Callable<DistributedAtomicLong> maker = i % 2 == 0 ? first : second;
      work.add(() -> {
        DistributedAtomicLong counter = maker.call();
        for (int n = 0; n < 10; n++) {
          AtomicValue<Long> value = counter.increment();
          Run.require(value.succeeded(), "increment " + n);
        }
        return null;
      });
    }
    Locks.all(work);
    Run.same(40L, first.call().get().postValue(), "sum");
    Run.require(!second.call().compareAndSet(7L, 1L).succeeded(), "compare and set of a wrong value");
    Run.require(second.call().compareAndSet(40L, 1L).succeeded(), "compare and set");
  }

  private void cached(String d) throws Exception {
    CachedAtomicLong counter =
        new CachedAtomicLong(new DistributedAtomicLong(a, d, new RetryNTimes(100, 5)), 10);
    for (long i = 1; i <= 25; i++) {
      Run.same(i, counter.next().postValue(), "next");
    }
  }

  private void barrier(String d) throws Exception {
    DistributedBarrier one = new DistributedBarrier(a, d);
    one.setBarrier();
    DistributedBarrier two = new DistributedBarrier(a, d);
    Run.require(!two.waitOnBarrier(200, TimeUnit.MILLISECONDS), "closed");
    Thread opener = new Thread(() -> {
      try {
        one.removeBarrier();
      } catch (Exception failure) {
        failure.printStackTrace();
      }
    });
    opener.start();
    Run.require(two.waitOnBarrier(40, TimeUnit.SECONDS), "open");
    opener.join();
  }

  private void doubleBarrier(String d) throws Exception {
    AtomicInteger inside = new AtomicInteger();
    List<Callable<Void>> work = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      CuratorFramework client = i % 2 == 0 ? a : b;
      work.add(() -> {
        DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, d, 4);
        Run.require(barrier.enter(60, TimeUnit.SECONDS), "entered");
        inside.incrementAndGet();
        Run.require(barrier.leave(60, TimeUnit.SECONDS), "left");
        Run.same(4, inside.get(), "all were inside before one left");
        return null;
      });
    }
    Locks.all(work);
  }

  private static final QueueSerializer<String> TEXT = new QueueSerializer<>() {
    @Override
    public byte[] serialize(String item) {
      return item.getBytes();
    }

    @Override
    public String deserialize(byte[] bytes) {
      return new String(bytes);
    }
  };

  private static QueueConsumer<String> into(LinkedBlockingQueue<String> taken) {
    return new QueueConsumer<>() {
      @Override
      public void consumeMessage(String message) {
        taken.add(message);
      }

      @Override
      public void stateChanged(CuratorFramework client, ConnectionState state) {}
    };
  }

  private static String next(LinkedBlockingQueue<String> taken) throws Exception {
    String item = taken.poll(40, TimeUnit.SECONDS);
    Run.require(item != null, "an item");
    return item;
  }

  /** Two consumers that lock: each item goes to one of them. */
  private void queue(String d) throws Exception {
    LinkedBlockingQueue<String> taken = new LinkedBlockingQueue<>();
    DistributedQueue<String> one =
        QueueBuilder.builder(a, into(taken), TEXT, d + "/q").lockPath(d + "/locks").buildQueue();
    DistributedQueue<String> two =
        QueueBuilder.builder(b, into(taken), TEXT, d + "/q").lockPath(d + "/locks").buildQueue();
    one.start();
    two.start();
    Set<String> put = new TreeSet<>();
    for (int i = 0; i < 30; i++) {
      put.add("item" + i);
      (i % 2 == 0 ? one : two).put("item" + i);
    }
    Set<String> got = new ConcurrentSkipListSet<>();
    for (int i = 0; i < 30; i++) {
      Run.require(got.add(next(taken)), "once each");
    }
    Run.same(put, new TreeSet<>(got), "items");
    one.close();
    two.close();
  }

  private void idQueue(String d) throws Exception {
    DistributedIdQueue<String> producer = QueueBuilder.builder(a, null, TEXT, d).buildIdQueue();
    producer.start();
    producer.put("keep", "k");
    producer.put("drop", "d");
    Run.require(producer.flushPuts(40, TimeUnit.SECONDS), "flushed");
    Run.same(1, producer.remove("d"), "removed by its id");
    LinkedBlockingQueue<String> taken = new LinkedBlockingQueue<>();
    DistributedIdQueue<String> consumer = QueueBuilder.builder(b, into(taken), TEXT, d).buildIdQueue();
    consumer.start();
    Run.same("keep", next(taken), "the other");
    consumer.close();
    producer.close();
  }

  private void priorityQueue(String d) throws Exception {
    DistributedPriorityQueue<String> producer =
        QueueBuilder.builder(a, null, TEXT, d).buildPriorityQueue(0);
    producer.start();
    producer.put("late", 9);
    producer.put("soon", 1);
    producer.put("middle", 5);
    Run.require(producer.flushPuts(40, TimeUnit.SECONDS), "flushed");
    LinkedBlockingQueue<String> taken = new LinkedBlockingQueue<>();
    DistributedPriorityQueue<String> consumer =
        QueueBuilder.builder(a, into(taken), TEXT, d).executor(Runnable::run).buildPriorityQueue(0);
    consumer.start();
    Run.same("soon middle late", next(taken) + " " + next(taken) + " " + next(taken), "order");
    consumer.close();
    producer.close();
  }

  private void delayQueue(String d) throws Exception {
    LinkedBlockingQueue<String> taken = new LinkedBlockingQueue<>();
    DistributedDelayQueue<String> queue =
        QueueBuilder.builder(a, into(taken), TEXT, d).buildDelayQueue();
    queue.start();
    long now = System.currentTimeMillis();
    queue.put("second", now + 600);
    queue.put("first", now + 100);
    Run.same("first second", next(taken) + " " + next(taken), "order");
    Run.require(System.currentTimeMillis() >= now + 600, "not before its time");
    queue.close();
  }

  private void simpleQueue(String d) throws Exception {
    SimpleDistributedQueue one = new SimpleDistributedQueue(a, d);
    SimpleDistributedQueue two = new SimpleDistributedQueue(a, d);
    for (int i = 0; i < 5; i++) {
      one.offer(("" + i).getBytes());
    }
    Run.same("0", new String(two.peek()), "peek");
    for (int i = 0; i < 5; i++) {
      Run.same("" + i, new String((i % 2 == 0 ? one : two).take()), "order");
    }
    Run.require(two.poll(100, TimeUnit.MILLISECONDS) == null, "empty");
  }
}
