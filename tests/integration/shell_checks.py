"""The command-line clients of ZooKeeper: every command of Java's zkCli.sh and of the C client's cli_mt,
with the answers that a Java server gives."""

import re

from harness import wait_for
from interop import Talk

# (command, what its own output must hold, in this order). Words of the command name what is tried.
ZKCLI = [
    ("version", ["ZooKeeper CLI version: 3"]),
    ("create /sh data", ["Created /sh"]),
    ("create -e /sh/e eph", ["Created /sh/e"]),
    ("create -s /sh/s- x", ["Created /sh/s-0000000001"]),
    ("create -s -e /sh/se- x", ["Created /sh/se-0000000002"]),
    ("create -c /sh/c x", ["Created /sh/c"]),
    ("create -t 100000 /sh/t x", ["Created /sh/t"]),
    ("create -s -t 100000 /sh/st- x", ["Created /sh/st-0000000005"]),
    ("create /sh/acl x world:anyone:r", ["Created /sh/acl"]),
    ("create /sh again", ["Node already exists: /sh"]),
    ("create /none/x", ["Node does not exist: /none/x"]),
    ("create /sh/e/x y", ["Ephemerals cannot have children: /sh/e/x"]),
    ("get /sh", ["data"]),
    ("get -s /sh", ["data", "dataVersion = 0", "dataLength = 4", "numChildren = 7"]),
    ("get -w /sh", ["data"]),
    ("set /sh new", []),
    ("set -s /sh newer", ["cversion = 7", "dataVersion = 2", "dataLength = 5"]),
    ("set -v 99 /sh x", ["version No is not valid : /sh"]),
    ("stat -w /sh/none", ["Node does not exist: /sh/none"]),
    ("create /sh/none", ["Created /sh/none"]),
    ("stat /sh", ["cZxid = 0x", "cversion = 8", "ephemeralOwner = 0x0", "numChildren = 8"]),
    ("ls /sh", ["[acl, c, e, none, s-0000000001, se-0000000002, st-0000000005, t]"]),
    ("ls -s /sh", ["[acl, c, e, none,", "numChildren = 8"]),
    ("ls -R /sh", ["/sh\n", "/sh/acl\n", "/sh/c\n", "/sh/st-0000000005\n", "/sh/t\n"]),
    ("ls -w /sh", ["[acl, c"]),
    ("create /sh/kid", ["Created /sh/kid"]),
    ("delete -v 5 /sh/kid", ["version No is not valid : /sh/kid"]),
    ("delete /sh/kid", []),
    ("delete /sh", ["Node not empty: /sh"]),
    ("getAcl /sh/acl", ["'world,'anyone", ": r"]),
    ("getAcl -s /sh/acl", ["'world,'anyone", ": r", "aclVersion = 0"]),
    ("set /sh/acl x", ["Insufficient permission : /sh/acl"]),
    ("setAcl /sh/none2 world:anyone:r", ["Node does not exist: /sh/none2"]),
    ("create /sh/deep", ["Created"]),
    ("create /sh/deep/er", ["Created"]),
    ("setAcl -R /sh/deep world:anyone:cdrwa", []),
    ("setAcl -s /sh/deep world:anyone:cdrwa", ["aclVersion = 2"]),
    ("setAcl -v 0 /sh/deep world:anyone:r", ["version No is not valid : /sh/deep"]),
    ("addauth digest me:secret", []),
    ("whoami", ["Auth scheme: User"]),
    ("create /sh/mine x auth::cdrwa", ["Created /sh/mine"]),
    ("getAcl /sh/mine", ["'digest,'me:016djjlksVQS5RgX3M7biBGyYwY=", ": cdrwa"]),
    ("sync /sh", ["Sync is OK"]),
    ("getEphemerals /sh", ["/sh/"]),
    ("getAllChildrenNumber /sh", ["11"]),
    ("setquota -n 100 /sh", []),
    ("listquota /sh", ["absolute path is /zookeeper/quota/sh/zookeeper_limits",
                       "Output quota for /sh count=100,bytes=-1", "Output stat for /sh count=12"]),
    ("setquota -b 1000 /sh", []),
    ("listquota /sh", ["count=100,bytes=1000"]),
    ("setquota -N 100 /sh/deep", ["/sh/deep has a parent /sh which has a quota"]),
    ("delquota -n /sh", []),
    ("listquota /sh", ["count=-1,bytes=1000"]),
    ("delquota -b /sh", []),
    ("delquota /sh", []),
    ("listquota /sh", ["quota for /sh does not exist."]),
    ("addWatch /sh", []),
    ("addWatch -m PERSISTENT /sh/deep", []),
    ("set /sh x", []),
    ("create /sh/deep/x", ["Created /sh/deep/x"]),
    ("delete /sh/deep/x", []),
    ("removewatches /sh -a", []),
    ("removewatches /sh/deep -a", []),
    ("removewatches /sh -d", ["No such watcher for /sh"]),
    ("removewatches /nope -l", ["No such watcher for /nope"]),
    ("config", []),
    ("config -s", ["cZxid = 0x", "numChildren = 0"]),
    ("reconfig -remove 3", ["KeeperErrorCode = Reconfig is disabled"]),
    ("printwatches", ["printwatches is on"]),
    ("printwatches off", []),
    ("printwatches on", []),
    ("history", ["printwatches"]),
    ("redo 2", ["ZooKeeper CLI version: 3"]),
    ("deleteall /sh/deep", []),
    ("deleteall -b 2 /sh", []),
    ("get /sh", ["Node does not exist: /sh"]),
    ("nonsense", ["Command not found"]),
]
EVENTS = ["NodeDataChanged path:/sh", "NodeCreated path:/sh/none", "NodeChildrenChanged path:/sh",
          "NodeCreated path:/sh/deep/x", "NodeChildrenChanged path:/sh/deep", "NodeDeleted path:/sh/deep/x",
          "PersistentWatchRemoved path:/sh", "PersistentWatchRemoved path:/sh/deep"]
ZKCLI_COUNT = len(ZKCLI) + len(EVENTS) + 3
MIDDLE = next(i for i, (command, _) in enumerate(ZKCLI) if command.startswith("getAcl /sh/acl"))


def in_order(parts, text):
    position = 0
    for part in parts:
        found = text.find(part, position)
        assert found >= 0, f"{part!r} is not in its place in {text!r}"
        position = found + len(part)


class ZkCli:
    """zkCli.sh; after each command a node that does not exist is listed, to see where its output ends."""

    def __init__(self, hosts):
        self.talk = Talk(["/usr/share/zookeeper/bin/zkCli.sh", "-server", hosts])
        self.talk.wait("state:SyncConnected", seconds=60)
        self.marks = 0

    def command(self, line):
        position = self.talk.say(line)
        self.marks += 1
        self.talk.say(f"ls /mark-{self.marks}")
        end = self.talk.wait(rf"Node does not exist: /mark-{self.marks}$|ConnectionLoss for /mark-{self.marks}$|"
                             r"^Not connected$", position)
        return self.talk.output[position:end.start()]


def zkcli(hosts, checks, kill=None):
    shell = ZkCli(hosts)
    names = {command.split()[0] for command, _ in ZKCLI} | {"close", "connect", "quit"}

    def covered():
        usage = set(re.findall(r"^\t(\w+) ", shell.command("help"), re.M))
        assert len(usage) >= 28 and usage <= names, usage - names

    checks.run("every command that it has is tried", covered)
    for number, (command, parts) in enumerate(ZKCLI):
        if kill and number == MIDDLE:
            kill()
            wait_for(lambda: "[" in shell.command("ls /sh"), 40, "zkCli.sh is back")
            shell.command("printwatches")
        checks.run(command, lambda: in_order(parts, shell.command(command)))
    for event in EVENTS:
        checks.run(event, lambda: shell.talk.wait(rf"type:{event}$"))
    # The session ends and a new one begins, which does not know the old one's identity.
    def closed():
        shell.command("close")
        shell.talk.wait("state:Closed")
        position = shell.talk.say(f"connect {hosts}")
        shell.talk.wait("state:SyncConnected", position)
        assert "digest" not in shell.command("whoami")

    def quits():
        # It ends with the code of the last command: that was `ls` of a node that does not exist.
        shell.talk.say("quit")
        assert shell.talk.process.wait(timeout=40) == 1

    checks.run("close and connect", closed)
    checks.run("quit", quits)


# (command, pattern of its answer)
C_CLIENT = [
    ("myid", r"session Id = [0-9a-f]+"),
    ("create /c-client", r"\[/c-client\]: rc = 0\n\tname = /c-client$"),
    ("create +e /c-client/e", r"rc = 0\n\tname = /c-client/e$"),
    ("create +s /c-client/s", r"rc = 0\n\tname = /c-client/s0000000001$"),
    ("create +es /c-client/es", r"rc = 0\n\tname = /c-client/es0000000002$"),
    ("create +c /c-client/c", r"rc = 0\n\tname = /c-client/c$"),
    ("create +t=100000 /c-client/t", r"rc = 0\n\tname = /c-client/t$"),
    ("create2 /c-client/two", r"rc = 0\n\tname = /c-client/two\n\tctime = .*\n\tczxid=[0-9a-f]+$"),
    ("create2 +s /c-client/twos", r"rc = 0\n\tname = /c-client/twos0000000006$"),
    ("set /c-client value", r"/c-client: rc = 0 Stat:(\n.*){4}\n\tversion=1\taversion=0$"),
    ("get /c-client", r"/c-client: rc = 0\n value_len = 5\nvalue$"),
    ("ls /c-client", r"/c-client: rc = 0(\n\t[a-z0-9]+){7}\ntime = "),
    ("ls2 /c-client", r"/c-client: rc = 0(\n\t[a-z0-9]+){7}\n(time.*\n)?\tctime = "),
    ("exists /c-client", None),  # says nothing of a node that is there, but watches it
    ("wexists /c-client/w", r"Error -101 for /c-client/w"),
    ("acreate /c-client/w", r"Watcher CREATED_EVENT state = CONNECTED_STATE for path /c-client/w$"),
    ("aget /c-client", r"/c-client: rc = 0\n value_len = 5\nvalue$"),
    ("aset /c-client v2", r"Watcher CHANGED_EVENT state = CONNECTED_STATE for path /c-client\n"
                          r"/c-client: rc = 0 Stat:(\n.*){4}\n\tversion=2\t"),
    ("als /c-client", r"/c-client: rc = 0(\n\t[a-z0-9]+){8}\n"),
    ("als2 /c-client", r"/c-client: rc = 0(\n\t[a-z0-9]+){8}\n"),
    ("aexists /c-client", None),
    ("set /c-client v3", r"Watcher CHANGED_EVENT state = CONNECTED_STATE for path /c-client$"),
    ("adelete /c-client/w", r"/c-client/w: rc = 0$"),
    ("sync /c-client", r"\[/c-client\]: rc = 0$"),
    ("verbose", r"logging level set to DEBUG"),
    ("verbose", r"logging level set to WARN"),
    ("addauth digest me:secret", None),
    ("config", r"/zookeeper/config: rc = 0\n value_len = \d+$"),
    ("reconfig -remove 3", r": rc = -123$"),
    ("delete /c-client", r"/c-client: rc = -111$"),
    ("delete /c-client/none", r"/c-client/none: rc = -101$"),
    ("get /none", r"/none: rc = -101$"),
]
C_COUNT = len(C_CLIENT) + 1
C_MIDDLE = next(i for i, (command, _) in enumerate(C_CLIENT) if command.startswith("wexists"))


def c_client(hosts, checks, kill=None):
    talk = Talk(["stdbuf", "-oL", "/usr/lib/zookeeper/bin/cli_mt", hosts])
    talk.wait("CONNECTED_STATE")

    def is_back():
        position = talk.say("get /c-client")
        return talk.wait(r"/c-client: rc = (-?\d+)$", position).group(1) == "0"

    def answers(command, pattern):
        position = talk.say(command)
        if pattern:
            talk.wait(pattern, position)

    for number, (command, pattern) in enumerate(C_CLIENT):
        if kill and number == C_MIDDLE:
            kill()
            wait_for(is_back, 40, "cli_mt is back")
        checks.run(command, lambda: answers(command, pattern))

    def quits():
        talk.say("quit")
        assert talk.process.wait(timeout=40) == 0

    checks.run("quit", quits)
