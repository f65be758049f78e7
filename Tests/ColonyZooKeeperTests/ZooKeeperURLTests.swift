#if ZooKeeper
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite("URLs and names of ZooKeeper")
struct ZooKeeperURLTests {
    @Test func `a URL names servers, root, and time-outs`() throws {
        let options = try ZooKeeperOptions(
            url: EngineURL("zookeeper://me:secret@a,b:2182,[::1]:2183/x/y/?session_timeout_ms=3000&timeout_ms=700"))
        #expect(options.servers == ["a", "b:2182", "[::1]:2183"])
        #expect(options.connectString == "a:2181,b:2182,::1:2183")
        #expect(options.root == "/x/y")
        #expect(options.user == "me" && options.password == "secret")
        #expect(options.sessionTimeout == .seconds(3) && options.timeout == .milliseconds(700))
        #expect(!options.description.contains("secret"))
    }

    @Test func `among an even number of servers each is tried`() throws {
        let options = try ZooKeeperOptions(url: EngineURL("zookeeper://a,b"))
        #expect(options.servers == ["a", "b"])
        #expect(options.connectString == "a:2181,b:2181,a:2181")
    }

    @Test(arguments: [
        "zookeeper:", "zookeeper://h/a//b", "zookeeper://h/..", "zookeeper://h/zookeeper", "zookeeper://h/zookeeper/x",
        "zookeeper://u@h", "zookeeper://h?ttl=1", "zookeeper://h?timeout_ms=x", "zookeeper://h?session_timeout_ms=0",
        "etcd://h", "zookeeper://h?timeout_ms=0",
    ])
    func `a bad URL is refused with a reason`(text: String) throws {
        let url = try EngineURL(text)
        #expect(throws: InvalidName.self) { try ZooKeeperOptions(url: url) }
    }

    @Test(arguments: ["a", "a/b", ".", "..", "zookeeper", "%", "%2F", "日本", "a b", "é", "e\u{301}", "+permits", "~"])
    func `names of locks become names of nodes and come back`(name: String) {
        let node = NodeNaming.node(for: name)
        #expect(!node.contains("/") && node != "." && node != ".." && node != "zookeeper")
        #expect(NodeNaming.name(of: node).map { Array($0.utf8) } == Array(name.utf8))
    }

    @Test(arguments: ["a b", "%2f", "%zz", "é", "%C3", "+permits", "%61"])
    func `nodes that stand for no name are not taken for locks`(node: String) {
        #expect(NodeNaming.name(of: node) == nil)
    }

    @Test func `contenders of all clients are read and put in order`() throws {
        let owner: OwnerID = "me"
        let guid = Contender.makeGUID(for: owner, random: 7)
        let own = "\(Contender.prefix(guid: guid))0000000004"
        let names = [
            "9f1c__lock__0000000007", own, "_c_0c0c0c0c-1111-2222-3333-444444444444-lock-0000000005",
            "x__rlock__0000000001",
            "leases", "_c_x-lock-12",
        ]
        let sorted = Contender.sorted(names)
        #expect(sorted.map(\.sequence) == [4, 5, 7])
        #expect(sorted[0].guid == guid && sorted[0].mayBelong(to: owner) && !sorted[0].mayBelong(to: "you"))
        #expect(
            own.wholeMatch(of: /_c_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-lock-[0-9]{10}/) != nil)
    }

    @Test func `the data of a node comes back as it was written, and that of others makes an owner`() {
        var record = NodeRecord(owner: "a b=c", duration: .milliseconds(1_500))
        #expect(NodeRecord(record.bytes, name: "n") == record)
        record.token = FencingToken(rawValue: 77)
        record.since = 12
        record.renewals = 3
        #expect(NodeRecord(record.bytes, name: "n") == record)
        #expect(NodeRecord(Array("10.0.0.1".utf8), name: "n").owner == "10.0.0.1")
        #expect(NodeRecord([], name: "n").owner == "n")
        #expect(NodeRecord([0xFF, 0], name: "n").duration == nil)
    }
}
#endif
