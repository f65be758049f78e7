import ColonyCaches
public import ColonyCore

/// A memcached server.
public struct MemcachedServer: Hashable, Sendable, CustomStringConvertible {
    /// The port that memcached listens on if nothing else is said.
    public static let defaultPort: UInt16 = 11_211

    /// The name or address, written exactly as the other clients of the same servers write it, because keys are placed
    /// by it: `localhost` and `127.0.0.1` are different servers.
    public var host: String
    /// The port.
    public var port: UInt16

    /// Names a server.
    public init(_ host: String, port: UInt16 = MemcachedServer.defaultPort) {
        self.host = host
        self.port = port
    }

    /// `host:port`, with an IPv6 address in brackets.
    public var description: String {
        self.host.utf8.contains(UInt8(ascii: ":")) ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// Which servers a ``MemcachedCacheTier`` uses, and how long it waits for them.
public struct MemcachedOptions: Sendable {
    /// The servers, in the order in which the other clients list them; at least one, all different.
    public var servers: [MemcachedServer]
    /// How long a call may take in all, connecting included; above zero. A second is longer than any answer of a
    /// healthy server and shorter than people wait.
    public var requestTimeout: Duration = .seconds(1)
    /// How long after a failed connection the next one is tried. Calls in between fail at once.
    public var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
    /// The largest value; from 1 to 1,073,741,824. The default leaves 1 KiB of memcached's own limit of 1 MiB (`-I`)
    /// for the key and memcached's header.
    public var maximumValueBytes = 1_048_576 - 1_024
    /// The most keys in one call; from 1 to 100,000.
    public var maximumKeysPerCall = 1_000
    /// How many bytes of commands may wait for their answers on one server; from 1. Above it, calls fail with
    /// `overloaded` instead of filling the memory while a server is slow. One call is always let through.
    public var maximumPendingBytes = 64 << 20
    /// What the pauses between attempts to connect are counted on.
    public var clock: any MonotonicClock = HostClock()
    /// The civil time, for times to live of more than 30 days, which memcached takes only as a point in time.
    public var wallClock: any WallClock = SystemWallClock()

    /// Options with the defaults.
    public init(servers: [MemcachedServer]) {
        self.servers = servers
    }
}

extension MemcachedOptions {
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    func check() throws(CacheError) {
        func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(CacheError) {
            if !condition { throw CacheError(.invalidConfiguration, message()) }
        }
        for server in self.servers {
            try require(server.port > 0, "the port of the server \(server) must not be 0")
            try require(
                !server.host.isEmpty && server.host.utf8.allSatisfy { 0x21...0x7E ~= $0 },
                "\"\(server.host)\" is not the name or address of a server")
        }
        try require(
            self.requestTimeout > .zero, "the request timeout must be above zero, not \(self.requestTimeout)")
        try require(
            1...(1 << 30) ~= self.maximumValueBytes,
            "the largest value must have from 1 to \(1 << 30) bytes, not \(self.maximumValueBytes)")
        try require(
            1...100_000 ~= self.maximumKeysPerCall,
            "a call may have from 1 to 100,000 keys, not \(self.maximumKeysPerCall)")
        try require(
            self.maximumPendingBytes > 0,
            "at least 1 byte must be allowed to wait for answers, not \(self.maximumPendingBytes)")
    }
}
