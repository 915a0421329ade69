import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/**
 * Which configuration files a ZooKeeper server serves with, many in one JVM: each case gets a class loader and
 * system properties of its own.
 *
 * <p>ConfigSurvey CLASSPATH CASES: a line of CASES is "name TAB mode TAB port TAB directory"; the directory has a zoo.cfg. Mode:
 * standalone (until srvr is answered on the port; port 0: until it runs without an error for a second), quorum (the same
 * for a member of an ensemble), parse (the file alone is read). Prints "name TAB serves" or "name TAB refuses TAB reason".
 */
public final class ConfigSurvey {
    private static final Properties CLEAN = (Properties) System.getProperties().clone();
    private static URL[] classPath;

    public static void main(String[] args) throws Exception {
        List<URL> urls = new ArrayList<>();
        for (String part : args[0].split(File.pathSeparator)) {
            File[] jars = part.endsWith("/*") ? new File(part.substring(0, part.length() - 2)).listFiles() : null;
            for (File file : jars != null ? jars : new File[] {new File(part)}) {
                urls.add(file.toURI().toURL());
            }
        }
        classPath = urls.toArray(new URL[0]);
        for (String line : Files.readAllLines(Paths.get(args[1]))) {
            String[] fields = line.split("\t");
            System.setProperties((Properties) CLEAN.clone());
            System.setProperty("zookeeper.admin.enableServer", "false");
            String outcome = run(fields[1], Integer.parseInt(fields[2]), Paths.get(fields[3]));
            System.out.println(fields[0] + "\t" + outcome);
        }
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static String run(String mode, int port, Path directory) throws Exception {
        ClassLoader loader = new URLClassLoader(classPath, ClassLoader.getPlatformClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        String file = directory.resolve("zoo.cfg").toString();
        Throwable[] failure = {null};
        Thread server = new Thread(() -> {
            try {
                readConfig(loader, file, directory);
                if (!mode.equals("parse")) {
                    serve(loader, mode, file);
                }
            } catch (InvocationTargetException error) {
                failure[0] = error.getCause();
            } catch (Throwable error) {
                failure[0] = error;
            }
        });
        server.setContextClassLoader(loader);
        server.setDaemon(true);
        server.start();
        long end = System.currentTimeMillis() + (port == 0 ? 1500 : 10000);
        boolean isParsed = mode.equals("parse");
        while (server.isAlive() && System.currentTimeMillis() < end) {
            if (!isParsed && port != 0 && answers(port)) {
                stop();
                return "serves";
            }
            server.join(10);
        }
        boolean hasEnded = !server.isAlive();
        stop();
        if (hasEnded && failure[0] != null) {
            return "refuses\t" + reason(failure[0]);
        }
        boolean isFine = isParsed ? hasEnded : !hasEnded && port == 0;
        return isFine ? "serves" : "refuses\tno answer";
    }

    private static String reason(Throwable error) {
        String text = error.toString();
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            text += " / " + cause;
        }
        return text.replaceAll("\\s+", " ");
    }

    private static void readConfig(ClassLoader loader, String file, Path directory) throws Exception {
        if (Files.exists(directory.resolve("arguments"))) {
            return;
        }
        Class<?> type = loader.loadClass("org.apache.zookeeper.server.quorum.QuorumPeerConfig");
        Object config = type.getDeclaredConstructor().newInstance();
        type.getMethod("parse", String.class).invoke(config, file);
        Class<?> purge = loader.loadClass("org.apache.zookeeper.server.DatadirCleanupManager");
        purge.getConstructors()[0].newInstance(type.getMethod("getDataDir").invoke(config),
            type.getMethod("getDataLogDir").invoke(config), type.getMethod("getSnapRetainCount").invoke(config),
            type.getMethod("getPurgeInterval").invoke(config));
    }

    private static Object running;
    private static String stopMethod;

    private static void serve(ClassLoader loader, String mode, String file) throws Exception {
        boolean isQuorum = mode.equals("quorum");
        Class<?> type = loader.loadClass(isQuorum
            ? "org.apache.zookeeper.server.quorum.QuorumPeerMain" : "org.apache.zookeeper.server.ZooKeeperServerMain");
        Object main = type.getDeclaredConstructor().newInstance();
        running = main;
        stopMethod = isQuorum ? "close" : "shutdown";
        Method start = type.getDeclaredMethod("initializeAndRun", String[].class);
        start.setAccessible(true);
        Path arguments = Paths.get(file).resolveSibling("arguments");
        String[] words = Files.exists(arguments)
            ? new String(Files.readAllBytes(arguments), StandardCharsets.UTF_8).trim().split(" ") : new String[] {file};
        start.invoke(main, (Object) words);
    }

    private static void stop() {
        Object main = running;
        running = null;
        if (main == null) {
            return;
        }
        Thread stopping = new Thread(() -> {
            try {
                Method method = main.getClass().getDeclaredMethod(stopMethod);
                method.setAccessible(true);
                method.invoke(main);
            } catch (ReflectiveOperationException | RuntimeException error) {
                // It did not get that far.
            }
        });
        stopping.setDaemon(true);
        stopping.start();
    }

    private static boolean answers(int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", port), 500);
            socket.setSoTimeout(1000);
            socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
            InputStream in = socket.getInputStream();
            byte[] all = in.readAllBytes();
            String text = new String(all, StandardCharsets.UTF_8);
            return text.contains("Mode: ") || text.contains("whitelist");
        } catch (IOException error) {
            return false;
        }
    }
}
