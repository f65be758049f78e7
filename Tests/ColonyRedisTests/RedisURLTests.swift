import ColonyCaches
import ColonyRedis
import Testing

@Suite("Redis URLs and options")
struct RedisURLTests {
    @Test("a URL says all of it")
    func everything() throws {
        let options = try RedisCacheTierOptions(
            url: "rediss+cluster://me:p%40ss@a:7000,b,[::1]:7002/?prefix=x%3A&connections=2&timeout_ms=250"
                + "&tracking=keys-read&ca=/x.pem&verify=chain")
        #expect(
            options.servers == [
                RedisAddress(host: "a", port: 7000), RedisAddress(host: "b"), RedisAddress(host: "::1", port: 7002),
            ])
        #expect(options.isCluster)
        #expect(options.user == "me")
        #expect(options.password == "p@ss")
        #expect(options.keyPrefix == "x:")
        #expect(options.connections == 2)
        #expect(options.timeout == .milliseconds(250))
        #expect(options.tracking == .keysRead)
        #expect(options.tls?.certificateFile == "/x.pem")
        #expect(options.tls?.verification == .chain)
        let plain = try RedisCacheTierOptions(url: "redis://localhost/5")
        #expect(plain.servers == [RedisAddress(host: "localhost", port: 6379)])
        #expect(plain.database == 5)
        #expect(plain.tls == nil)
    }

    @Test(
        "a bad URL is refused with what is wrong, and without the password",
        arguments: [
            ("http://u:S3CRET@h", "http"), ("redis:", "no host"), ("redis://u:S3CRET@h:0", "port"),
            ("redis://u:S3CRET@h:99999", "port"), ("redis://:S3CRET@h/x", "\"x\""), ("redis://:S3CRET@h/-1", "\"-1\""),
            ("redis://:S3CRET@a,b", "2 hosts"), ("redis+cluster://:S3CRET@a/2", "database 2"),
            ("redis://:S3CRET@h?nonsense=1", "nonsense"), ("redis://:S3CRET@h?connections=0", "0 connections"),
            ("redis://:S3CRET@h?connections=many", "\"many\""), ("redis://:S3CRET@h?timeout_ms=0", "timeout"),
            ("redis://:S3CRET@h?tracking=maybe", "\"maybe\""), ("redis://:S3CRET@h?ca=x", "rediss"),
            ("rediss://:S3CRET@h?verify=some", "\"some\""), ("redis://u@h", "without a password"),
        ])
    func refused(url: String, part: String) {
        let error = #expect(throws: CacheError.self) { try RedisCacheTier(url: url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
        #expect(error?.description.contains("S3CRET") == false)
    }

    @Test("options that cannot be are refused when the tier is made")
    func options() {
        let changes: [(inout RedisCacheTierOptions) -> Void] = [
            { $0.servers = [] }, { $0.database = -1 }, { $0.commandsInFlight = 10 }, { $0.keysPerCall = 0 },
            { $0.valueBytes = 0 }, { $0.keepAlive = .zero }, { $0.timeout = .seconds(-1) },
            { $0.keyPrefix = String(repeating: "x", count: 256) }, { $0.servers = [RedisAddress(host: "", port: 1)] },
        ]
        for change in changes {
            var options = RedisCacheTierOptions(servers: [RedisAddress(host: "h")])
            change(&options)
            let error = #expect(throws: CacheError.self) { try RedisCacheTier(options) }
            #expect(error?.code == .invalidConfiguration)
        }
    }
}
