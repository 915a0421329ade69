import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

/** LeaderLatch and LeaderSelector. */
final class Leaders {
  private final Run run;
  private final CuratorFramework a;
  private final CuratorFramework b;

  Leaders(Run run, CuratorFramework a, CuratorFramework b) {
    this.run = run;
    this.a = a;
    this.b = b;
  }

  void check() {
    run.check("leader latch", this::latch);
    run.check("leader selector", this::selector);
  }

  private void latch(String d) throws Exception {
    List<LeaderLatch> latches = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      LeaderLatch latch = new LeaderLatch(i % 2 == 0 ? a : b, d, "member" + i);
      latch.start();
      latches.add(latch);
    }
    while (!latches.isEmpty()) {
      Run.await("one leader", () -> leaders(latches) == 1);
      LeaderLatch leading = latches.stream().filter(LeaderLatch::hasLeadership).findFirst().get();
      Run.same(leading.getId(), latches.get(0).getLeader().getId(), "the leader as others see it");
      Run.await("all participants",
          () -> latches.get(0).getParticipants().size() == latches.size());
      leading.close();
      latches.remove(leading);
    }
  }

  static long leaders(List<LeaderLatch> latches) {
    return latches.stream().filter(LeaderLatch::hasLeadership).count();
  }

  /** Four selectors, each leads twice, never two at once. */
  private void selector(String d) throws Exception {
    AtomicInteger leading = new AtomicInteger();
    AtomicInteger overlaps = new AtomicInteger();
    List<AtomicInteger> turns = new ArrayList<>();
    List<LeaderSelector> selectors = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      AtomicInteger mine = new AtomicInteger();
      turns.add(mine);
      LeaderSelector selector = new LeaderSelector(i % 2 == 0 ? a : b, d,
          new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework client) {
              if (leading.incrementAndGet() != 1) {
                overlaps.incrementAndGet();
              }
              mine.incrementAndGet();
              leading.decrementAndGet();
            }
          });
      selector.setId("member" + i);
      selector.autoRequeue();
      selector.start();
      selectors.add(selector);
    }
    Run.await("two turns for each", () -> turns.stream().allMatch(t -> t.get() >= 2));
    selectors.forEach(LeaderSelector::close);
    Run.same(0, overlaps.get(), "overlaps");
  }
}
