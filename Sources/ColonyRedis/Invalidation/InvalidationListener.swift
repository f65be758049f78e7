import ColonyCaches
import ColonyCore
import ColonyRESP

/// Has servers tell of changes of keys (`CLIENT TRACKING`), and passes them to a hub.
struct InvalidationListener: RedisListener {
    private let tracking: RedisCacheTierOptions.Tracking
    private let prefix: String
    private let prefixBytes: [UInt8]
    private let hub: InvalidationHub

    init(_ tracking: RedisCacheTierOptions.Tracking, prefix: String, hub: InvalidationHub) {
        self.tracking = tracking
        self.prefix = prefix
        self.prefixBytes = Array(prefix.utf8)
        self.hub = hub
    }

    var isWanted: Bool { self.hub.isWanted }

    /// The server remembers keys for the connection that read them, so each must ask from its first read on.
    var isForEveryConnection: Bool { self.tracking == .keysRead }

    func writeBeginning(to bytes: inout [UInt8]) {
        var words = ["CLIENT", "TRACKING", "ON"]
        if self.tracking == .broadcast {
            words.append("BCAST")
            if !self.prefix.isEmpty { words += ["PREFIX", self.prefix] }
        }
        words.append("NOLOOP")
        RESPCommandEncoding.append(command: words.map { Array($0.utf8) }, to: &bytes)
    }

    func began() { self.hub.publish(.gap) }

    func heard(_ values: [RESPValue]) {
        guard values.first?.text == "invalidate", values.count == 2 else { return }
        guard let keys = values[1].elements else {
            if values[1].isNull { self.hub.publish(.all) }
            return
        }
        let changed = keys.compactMap { key -> CacheKey? in
            guard let bytes = key.bytes, bytes.starts(with: self.prefixBytes) else { return nil }
            // Keys of other programs need not be ones that a tier could have read.
            return try? CacheKey(utf8: bytes.dropFirst(self.prefixBytes.count))
        }
        if !changed.isEmpty { self.hub.publish(.keys(changed)) }
    }

    /// The gap is told when a connection listens again.
    func lost() {}
}
