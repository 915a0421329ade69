import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;

/** The caches; CuratorCache lives on a persistent recursive watch. */
@SuppressWarnings("deprecation")
final class Caches {
  private final Run run;
  private final CuratorFramework a;
  private final CuratorFramework b;

  Caches(Run run, CuratorFramework a, CuratorFramework b) {
    this.run = run;
    this.a = a;
    this.b = b;
  }

  void check() {
    run.check("curator cache", this::curatorCache);
    run.check("curator cache of one node", this::singleNode);
    run.check("node cache", this::nodeCache);
    run.check("path children cache", this::pathChildren);
    run.check("tree cache", this::treeCache);
  }

  static String data(ChildData child) {
    return child == null || child.getData() == null ? "none" : new String(child.getData());
  }

  private void curatorCache(String d) throws Exception {
    for (int i = 0; i < 20; i++) {
      a.create().creatingParentsIfNeeded().forPath(d + "/n" + i + "/c", ("c" + i).getBytes());
    }
    CuratorCache cache = CuratorCache.build(b, d);
    Map<String, String> model = new ConcurrentHashMap<>();
    CountDownLatch filled = new CountDownLatch(1);
    cache.listenable().addListener(CuratorCacheListener.builder()
        .forCreates(node -> model.put(node.getPath(), data(node)))
        .forChanges((before, now) -> model.put(now.getPath(), data(now)))
        .forDeletes(node -> model.remove(node.getPath()))
        .forInitialized(filled::countDown).build());
    cache.start();
    Run.require(filled.await(40, TimeUnit.SECONDS), "filled");
    Run.await("41 nodes at first", () -> model.size() == 41);
    for (int i = 0; i < 20; i++) {
      a.setData().forPath(d + "/n" + i + "/c", ("new" + i).getBytes());
      if (i % 2 == 0) {
        a.delete().deletingChildrenIfNeeded().forPath(d + "/n" + i);
      } else {
        a.create().forPath(d + "/n" + i + "/more", new byte[0]);
      }
    }
    // The root and ten families of a node and two children.
    Run.await("31 nodes at last", () -> model.size() == 31
        && "new19".equals(model.get(d + "/n19/c")) && model.containsKey(d + "/n19/more"));
    Run.await("the cache itself agrees", () -> cache.size() == 31);
    Run.same("new1", data(cache.get(d + "/n1/c").get()), "cached data");
    cache.close();
  }

  private void singleNode(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d, "1".getBytes());
    CuratorCache cache = CuratorCache.build(b, d, CuratorCache.Options.SINGLE_NODE_CACHE);
    cache.start();
    Run.await("first data", () -> data(cache.get(d).orElse(null)).equals("1"));
    a.create().forPath(d + "/child", new byte[0]);
    a.setData().forPath(d, "2".getBytes());
    Run.await("second data", () -> data(cache.get(d).orElse(null)).equals("2"));
    Run.same(1, cache.size(), "the node alone");
    cache.close();
  }

  private void nodeCache(String d) throws Exception {
    NodeCache cache = new NodeCache(b, d + "/n");
    cache.start(true);
    Run.require(cache.getCurrentData() == null, "nothing there yet");
    a.create().creatingParentsIfNeeded().forPath(d + "/n", "1".getBytes());
    Run.await("created", () -> data(cache.getCurrentData()).equals("1"));
    a.setData().forPath(d + "/n", "2".getBytes());
    Run.await("changed", () -> data(cache.getCurrentData()).equals("2"));
    a.delete().forPath(d + "/n");
    Run.await("deleted", () -> cache.getCurrentData() == null);
    cache.close();
  }

  private void pathChildren(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d + "/1", "1".getBytes());
    PathChildrenCache cache = new PathChildrenCache(b, d, true);
    cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
    a.create().forPath(d + "/2", "2".getBytes());
    Run.await("two children", () -> cache.getCurrentData().size() == 2);
    a.setData().forPath(d + "/1", "one".getBytes());
    Run.await("changed", () -> data(cache.getCurrentData(d + "/1")).equals("one"));
    a.delete().forPath(d + "/1");
    Run.await("one child", () -> cache.getCurrentData().size() == 1);
    Run.same("2", data(cache.getCurrentData().get(0)), "the one that stayed");
    cache.close();
  }

  private void treeCache(String d) throws Exception {
    a.create().creatingParentsIfNeeded().forPath(d + "/x/y", "1".getBytes());
    TreeCache cache = new TreeCache(b, d);
    cache.start();
    Run.await("filled", () -> data(cache.getCurrentData(d + "/x/y")).equals("1"));
    a.create().forPath(d + "/x/z", "2".getBytes());
    Run.await("grown", () -> {
      Map<String, ChildData> children = cache.getCurrentChildren(d + "/x");
      return children != null && new TreeSet<>(children.keySet()).equals(new TreeSet<>(Set.of("y", "z")));
    });
    a.delete().deletingChildrenIfNeeded().forPath(d + "/x");
    Run.await("empty", () -> cache.getCurrentChildren(d) != null && cache.getCurrentChildren(d).isEmpty());
    cache.close();
  }
}
