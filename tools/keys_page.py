#!/usr/bin/env python3
"""docs/keys.md and docs/keys.zh.md from the table of keys in the program, as `zooid keys` prints it.

    tools/keys_page.py build/zooid            writes both pages
    tools/keys_page.py build/zooid --check    fails if they are not what would be written
"""

import collections
import pathlib
import subprocess
import sys

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
Key = collections.namedtuple("Key", "name treatment where default values harmless reason")

ENGLISH = {
    "head": """\
# Keys of zoo.cfg

Every key that ZooKeeper 3.9 knows, its default here, and what Zooid does with it. `zooid keys` prints the same list. This
page is made from the program's table by `tools/keys_page.py`. What the keys mean is told in ZooKeeper's
[administrator's guide](https://zookeeper.apache.org/doc/r3.9.5/zookeeperAdmin.html); keys that only Zooid has are told
below. [中文](keys.zh.md)

Where a key may stand: *file* is `zoo.cfg`. *-Dzookeeper.* and *-D* are flags in `SERVER_JVMFLAGS` or `JVMFLAGS`, with the key
behind them: `-Dzookeeper.snapCount=50000`, `-Djute.maxbuffer=4000000`. The file comes first.

A key that stands in no table is unknown. The server starts and names the nearest known key in a warning.
""",
    "supported": "\n## Supported\n\n| key | default | values | where |\n|---|---|---|---|\n",
    "own": """
Keys of Zooid alone: `recovery.damaged` ([recovery](recovery.md)); `zooid.election.endEarly`, whether an election ends when
nobody is left who could bring a better vote; `zooid.log.*` ([operations](operations.md#logs)).
""",
    "refused": """
## Refused

With such a key the server does not start, and says why. These keys touch security, membership, quorum or the meaning of
files: to ignore one would give something else than was asked for. With the value in the second column it asks for nothing
and is taken.

| key | harmless value | why it is refused |
|---|---|---|
""",
    "warned": """
## Without effect

With such a key the server starts and says in a warning that it has no effect. With the value in the second column there is no
warning.

| key | silent with | why |
|---|---|---|
""",
    "reasons": {},
    "words": {},
}

CHINESE = {
    "head": """\
# zoo.cfg 的键

ZooKeeper 3.9 认识的每个键，它在这里的默认值，以及 Zooid 如何对待它。`zooid keys` 打印同一张表。本页由 `tools/keys_page.py` 从程序的
表生成。各个键的含义见 ZooKeeper 的[管理员指南](https://zookeeper.apache.org/doc/r3.9.5/zookeeperAdmin.html)（英文）；只有 Zooid
才有的键在下面说明。[English](keys.md)

键可以写在哪里：*文件* 指 `zoo.cfg`。*-Dzookeeper.* 和 *-D* 是 `SERVER_JVMFLAGS` 或 `JVMFLAGS` 里的选项，后面跟着键：
`-Dzookeeper.snapCount=50000`，`-Djute.maxbuffer=4000000`。文件优先。

不在任何表里的键是未知的。服务器照样启动，并在警告里说出最接近的已知键。
""",
    "supported": "\n## 支持\n\n| 键 | 默认值 | 可用的值 | 写在哪里 |\n|---|---|---|---|\n",
    "own": """
只有 Zooid 才有的键：`recovery.damaged`（[恢复](recovery.zh.md)）；`zooid.election.endEarly`，当没有人还能带来更好的选票时，选举是否
立即结束；`zooid.log.*`（[运行](operations.zh.md#日志)）。
""",
    "refused": """
## 拒绝

有这样的键时，服务器不启动，并说明原因。这些键涉及安全、成员、法定人数或文件的含义：忽略它就不是所要求的了。取第二列的值时，它什么
也不要求，可以接受。

| 键 | 无害的值 | 为什么拒绝 |
|---|---|---|
""",
    "warned": """
## 没有作用

有这样的键时，服务器照样启动，并在警告里说它没有作用。取第二列的值时没有警告。

| 键 | 不警告的值 | 原因 |
|---|---|---|
""",
    "words": {
        "file": "文件", "file or -Dzookeeper.": "文件或 -Dzookeeper.", "file or -D": "文件或 -D",
        "a number": "一个数", "1 or more; an ensemble needs it": "1 以上；集群必须写明", "text": "文本", "a whole number": "一个整数", "words with commas, *": "用逗号分隔的词，*",
        "1 to 65535; 0: the system chooses": "1 到 65535；0：由系统选择", "hexadecimal": "十六进制数",
    },
    "reasons": {
        "TLS is not supported yet, and without it data would travel unencrypted": "还不支持 TLS，没有它数据会不加密地传输",
        "SASL and Kerberos are not supported yet": "还不支持 SASL 和 Kerberos",
        "SASL between servers is not supported yet, so peers would not be authenticated":
            "还不支持服务器之间的 SASL，对方的身份将得不到验证",
        "authentication providers are Java classes; digest, ip, world and auth are built in":
            "认证提供者是 Java 类；digest、ip、world 和 auth 是内置的",
        "mandatory authentication is not supported yet, so everybody would be let in": "还不支持强制认证，任何人都会被放进来",
        "the ensemble scheme is not supported yet, so clients of other ensembles would be let in":
            "还不支持 ensemble 方案，其他集群的客户端会被放进来",
        "dynamic reconfiguration is not supported yet; list the servers in this file": "还不支持动态重配置；请把服务器列在这个文件里",
        "observers are not supported yet": "还不支持观察者",
        "groups and weights are not supported yet; this server would count another quorum than its peers":
            "还不支持分组和权重；这台服务器算出的法定人数会和其他服务器不同",
        "the quorum oracle of two servers is not supported yet": "还不支持两台服务器的法定人数裁判（oracle）",
        "only 3 (fast leader election) exists": "只有 3（fast leader election）",
        "several addresses for one server are not supported yet": "还不支持一台服务器有多个地址",
        "the TTL nodes of 3.5.3 are stored in a way that this server would misread":
            "3.5.3 的 TTL 节点的存储方式会被这台服务器读错",
        "the audit log is not written yet; set it to false to start without one": "还不写审计日志；设为 false 就可以在没有它的情况下启动",
        "a server's file has no configuration version": "服务器的文件没有配置版本",
        "it exists for tests of ZooKeeper and endangers data": "它是为 ZooKeeper 的测试准备的，会危及数据",
        "it tunes a part that only the Java server has": "它调整的部分只有 Java 服务器才有",
        "answers are not cached here, and need not be": "这里不缓存回答，也不需要",
        "metrics are read with the four-letter word mntr": "指标用四字命令 mntr 读取",
        "the administration server is not supported yet": "还不支持管理服务器",
        "there is no JVM that pauses": "没有会停顿的 JVM",
        "this cannot be tuned here yet": "这里还不能调整它",
        "it matters only with TLS, which is not supported yet": "只和 TLS 有关，而 TLS 还不支持",
        "it matters only with SASL, which is not supported yet": "只和 SASL 有关，而 SASL 还不支持",
        "it matters only to observers": "只和观察者有关",
        "ZooKeeper's documentation has this name, but its servers ignore it, too":
            "ZooKeeper 的文档里有这个名字，但它的服务器也不理会",
        "initLimit bounds this, too": "initLimit 也限制它",
        "what queues during a sync is synced together anyway": "同步期间排队的东西本来就会一起同步",
        "requests that wait when the server ends are dropped at once": "服务器结束时还在等待的请求会立即丢弃",
        "watches are kept compactly in any case": "监视本来就紧凑地保存",
        "silent clients go by their session time-out": "沉默的客户端按会话超时处理",
        "pings find dead peers": "ping 会发现已死的对方",
        "a port in use is told at once": "端口被占用会立即说明",
        "a leader serves clients here": "这里的领导者为客户端服务",
    },
}


def code(text):
    return f"`{text}`" if text else ""


def page(keys, words):
    def translate(text):
        if text in words["words"]:
            return words["words"][text]
        if words is CHINESE:
            return text.replace(" or more", " 以上").replace(" to ", " 到 ")
        return text
    text = words["head"] + words["supported"]
    for key in keys:
        if key.treatment == "supported":
            text += f"| `{key.name}` | {code(key.default)} | {translate(key.values)} | {translate(key.where)} |\n"
    text += words["own"]
    for treatment in ("refused", "warned"):
        text += words[treatment]
        for key in keys:
            if key.treatment == treatment:
                reason = words["reasons"].get(key.reason, key.reason)
                text += f"| `{key.name}` | {code(key.harmless)} | {reason} |\n"
    return text


def main():
    arguments = [word for word in sys.argv[1:] if word != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    listed = subprocess.run([arguments[0], "keys"], capture_output=True, text=True, check=True).stdout
    keys = [Key(*line.split("\t")) for line in listed.splitlines()]
    stale = []
    for name, words in (("keys.md", ENGLISH), ("keys.zh.md", CHINESE)):
        path = DOCS / name
        text = page(keys, words)
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(f"docs/{name}")
    if stale:
        sys.exit(f"{' and '.join(stale)} not up to date: run tools/keys_page.py build/zooid")


main()
