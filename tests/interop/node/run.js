'use strict';
// node-zookeeper-client against the servers of the first argument. Each check is one line, "ok NAME" or
// "FAIL NAME: why"; the last line counts them. With "kill" as second argument "kill now" is printed
// after the first half and a line of standard input is awaited: meanwhile the caller kills the leader.

const zookeeper = require('node-zookeeper-client');
const readline = require('readline');
const assert = require('assert');
const { promisify } = require('util');

const hosts = process.argv[2];
const withKill = process.argv[3] === 'kill';
const options = { sessionTimeout: 20000, spinDelay: 200, retries: 100 };
const root = '/node';
let checks = 0;
let passed = 0;

function connect(extra) {
    return new Promise((resolve) => {
        const client = zookeeper.createClient(hosts, Object.assign({}, options, extra));
        client.once('connected', () => resolve(client));
        client.connect();
    });
}

// The client's operations as promises; a watcher goes before the callback.
function calls(client) {
    const names = ['create', 'remove', 'removeRecursive', 'exists', 'getData', 'setData', 'getACL',
        'setACL', 'getChildren', 'mkdirp', 'listSubTreeBFS'];
    const all = {};
    names.forEach((name) => {
        all[name] = (...args) => new Promise((resolve, reject) => {
            client[name](...args, (error, ...results) => (error ? reject(error) : resolve(results)));
        });
    });
    return all;
}

async function refuses(name, promise) {
    try {
        await promise;
    } catch (error) {
        assert.strictEqual(error.getName(), name);
        return;
    }
    throw new Error(name + ' was expected');
}

function event() {
    let tell;
    const came = new Promise((resolve) => { tell = resolve; });
    return { watcher: (e) => tell(e.getName() + ' ' + e.getPath()), came };
}

// Again while the connection is lost; only for what may be done twice.
async function patiently(action) {
    for (;;) {
        try {
            return await action();
        } catch (error) {
            if (!error.getName || error.getName() !== 'CONNECTION_LOSS') { throw error; }
            await new Promise((resolve) => { setTimeout(resolve, 100); });
        }
    }
}

async function check(name, body) {
    checks += 1;
    let timer;
    try {
        const limit = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error('hangs')), 60000);
        });
        await Promise.race([body(), limit]);
        passed += 1;
        console.log('ok ' + name);
    } catch (error) {
        console.log('FAIL ' + name + ': ' + (error.stack || error));
    }
    clearTimeout(timer);
}

async function operations(client, zk) {
    await check('create and get', async () => {
        const [path] = await zk.create(root, Buffer.from('1'));
        assert.strictEqual(path, root);
        const [data, stat] = await zk.getData(root);
        assert.strictEqual(data.toString(), '1');
        assert.strictEqual(stat.version, 0);
        assert.strictEqual(stat.dataLength, 1);
    });
    await check('errors', async () => {
        await refuses('NODE_EXISTS', zk.create(root));
        await refuses('NO_NODE', zk.getData(root + '/none'));
        await refuses('NO_NODE', zk.create(root + '/none/child'));
        await refuses('BAD_VERSION', zk.setData(root, Buffer.from('x'), 7));
        await refuses('BAD_VERSION', zk.remove(root, 7));
        const [stat] = await zk.exists(root + '/none');
        assert.strictEqual(stat, null);
    });
    await check('set and versions', async () => {
        const [stat] = await zk.setData(root, Buffer.from('two'), 0);
        assert.strictEqual(stat.version, 1);
        const [seen] = await zk.exists(root);
        assert.strictEqual(seen.version, 1);
    });
    await check('modes', async () => {
        const mode = zookeeper.CreateMode;
        const [s] = await zk.create(root + '/s-', mode.PERSISTENT_SEQUENTIAL);
        assert.strictEqual(s, root + '/s-0000000000');
        const [e] = await zk.create(root + '/e', mode.EPHEMERAL);
        const [stat] = await zk.exists(e);
        assert.strictEqual(Buffer.compare(stat.ephemeralOwner, client.getSessionId()), 0);
        await refuses('NO_CHILDREN_FOR_EPHEMERALS', zk.create(e + '/child'));
        const [es] = await zk.create(root + '/es-', mode.EPHEMERAL_SEQUENTIAL);
        assert.strictEqual(es, root + '/es-0000000002');
        const [names, parent] = await zk.getChildren(root);
        assert.deepStrictEqual(names.sort(), ['e', 'es-0000000002', 's-0000000000']);
        assert.strictEqual(parent.numChildren, 3);
        await refuses('NOT_EMPTY', zk.remove(root));
    });
    await check('acl', async () => {
        const [before, stat] = await zk.getACL(root + '/s-0000000000');
        assert.strictEqual(before.length, 1);
        assert.strictEqual(before[0].permission, 31);
        assert.strictEqual(stat.aversion, 0);
        const [after] = await zk.setACL(root + '/s-0000000000', zookeeper.ACL.READ_ACL_UNSAFE, 0);
        assert.strictEqual(after.aversion, 1);
        await refuses('NO_AUTH', zk.setData(root + '/s-0000000000', Buffer.from('x')));
    });
    await check('auth', async () => {
        client.addAuthInfo('digest', Buffer.from('me:secret'));
        await zk.create(root + '/mine', Buffer.from('s'), zookeeper.ACL.CREATOR_ALL_ACL);
        const [acls] = await zk.getACL(root + '/mine');
        assert.strictEqual(acls[0].id.scheme, 'digest');
        const other = await connect();
        await refuses('NO_AUTH', calls(other).getData(root + '/mine'));
        other.close();
    });
    await check('transaction', async () => {
        const results = await promisify((done) => client.transaction()
            .create(root + '/t', Buffer.from('1'))
            .setData(root + '/t', Buffer.from('2'), 0)
            .check(root + '/t', 1)
            .remove(root + '/t', 1)
            .commit(done))();
        assert.strictEqual(results.length, 4);
        assert.strictEqual(results[0].path, root + '/t');
        assert.strictEqual(results[1].stat.version, 1);
    });
    await check('transaction refused', async () => {
        const error = await promisify((done) => client.transaction()
            .create(root + '/t').check(root, 99).commit((e) => done(null, e)))();
        assert.ok(error, 'an error');
        const [stat] = await zk.exists(root + '/t');
        assert.strictEqual(stat, null);
    });
    await check('trees', async () => {
        await zk.mkdirp(root + '/deep/er');
        const [paths] = await zk.listSubTreeBFS(root + '/deep');
        assert.deepStrictEqual(paths, [root + '/deep', root + '/deep/er']);
        await zk.removeRecursive(root + '/deep', -1);
        assert.strictEqual((await zk.exists(root + '/deep'))[0], null);
    });
    await check('watches', async () => {
        const created = event();
        await zk.exists(root + '/w', created.watcher);
        await zk.create(root + '/w');
        assert.strictEqual(await created.came, 'NODE_CREATED ' + root + '/w');
        const changed = event();
        await zk.getData(root + '/w', changed.watcher);
        await zk.setData(root + '/w', Buffer.from('x'));
        assert.strictEqual(await changed.came, 'NODE_DATA_CHANGED ' + root + '/w');
        const children = event();
        const deleted = event();
        await zk.getChildren(root, children.watcher);
        await zk.exists(root + '/w', deleted.watcher);
        await zk.remove(root + '/w');
        assert.strictEqual(await children.came, 'NODE_CHILDREN_CHANGED ' + root);
        assert.strictEqual(await deleted.came, 'NODE_DELETED ' + root + '/w');
    });
    await check('pipelined', async () => {
        const made = await Promise.all(Array.from({ length: 100 },
            (_, i) => zk.create(root + '/p' + i, Buffer.from(String(i)))));
        assert.deepStrictEqual(made.map(([p]) => p), Array.from({ length: 100 }, (_, i) => root + '/p' + i));
        await Promise.all(made.map(([p]) => zk.remove(p)));
    });
    await check('chroot', async () => {
        const inner = zookeeper.createClient(hosts + root, options);
        await new Promise((resolve) => { inner.once('connected', resolve); inner.connect(); });
        const [path] = await calls(inner).create('/in', Buffer.from('c'));
        assert.strictEqual(path, '/in');
        assert.strictEqual((await patiently(() => calls(inner).getData('/in')))[0].toString(), 'c');
        await calls(inner).remove('/in');
        inner.close();
    });
}

async function survival(client, zk) {
    const before = client.getSessionId();
    const watched = event();
    await zk.create(root + '/kept', Buffer.from('k'), zookeeper.CreateMode.EPHEMERAL);
    await zk.getData(root + '/kept', watched.watcher);
    console.log('kill now');
    const lines = readline.createInterface({ input: process.stdin });
    await new Promise((resolve) => { lines.once('line', resolve); });
    lines.close();
    await check('survives: session and ephemeral node', async () => {
        const [stat] = await patiently(() => zk.exists(root + '/kept'));
        assert.ok(stat, 'the node is there');
        assert.strictEqual(Buffer.compare(stat.ephemeralOwner, before), 0);
        assert.strictEqual(Buffer.compare(client.getSessionId(), before), 0);
    });
    await check('survives: watch', async () => {
        const other = await connect();
        await patiently(() => calls(other).setData(root + '/kept', Buffer.from('changed')));
        assert.strictEqual(await watched.came, 'NODE_DATA_CHANGED ' + root + '/kept');
        other.close();
    });
    await check('survives: writes', async () => {
        for (let i = 0; i < 20; i += 1) {
            await patiently(() => zk.setData(root + '/kept', Buffer.from(String(i))));
        }
        assert.strictEqual((await zk.getData(root + '/kept'))[0].toString(), '19');
    });
}

async function main() {
    const client = await connect();
    const zk = calls(client);
    await operations(client, zk);
    if (withKill) {
        await survival(client, zk);
    }
    await check('close ends the session', async () => {
        const other = await connect();
        const [e] = await calls(other).create(root + '/last', zookeeper.CreateMode.EPHEMERAL);
        const gone = event();
        // The other's create may reach this one's server later.
        let stat = null;
        while (!stat) {
            [stat] = await patiently(() => zk.exists(e));
        }
        await zk.exists(e, gone.watcher);
        other.close();
        assert.strictEqual(await gone.came, 'NODE_DELETED ' + e);
    });
    client.close();
    console.log('node-zookeeper-client: ' + passed + ' of ' + checks + ' ok');
    process.exit(passed === checks ? 0 : 1);
}

main();
