import ColonyCore

/// Which keys stand for what, under one prefix.
///
/// A lock is the key `PREFIX NAME`, as everybody has it who uses Redis's published pattern. All that Colony knows beyond the
/// owner is in companions whose names begin with `PREFIX{TAG}colony:`, where the tag is a number that has the slot of the
/// lock, so that a script may touch them together in a cluster.
struct LeaseKeySpace: Sendable {
    let prefix: String
    private let prefixBytes: [UInt8]

    /// The keys of one lock.
    struct Keys {
        let lock: [UInt8]
        /// The last number that was given out in the slot; never expires.
        let counter: [UInt8]
        /// Owner, token, time of grant, duration, and renewals of the present grant; expires with it.
        let lease: [UInt8]
        /// Who waits, ordered by ticket.
        let queue: [UInt8]
        /// When each of those counts as dead.
        let waiters: [UInt8]
        /// The engines that want to be told when the grant is over.
        let watchers: [UInt8]
    }

    init(prefix: String) {
        self.prefix = prefix
        self.prefixBytes = Array(prefix.utf8)
    }

    /// What no name may contain, because the key of such a lock could be a companion of another.
    static let reserved = "}colony:"

    func check(_ name: LeaseName) throws(LeaseError) {
        guard name.rawValue.utf8.count >= Self.reserved.utf8.count else { return }
        if Self.contains(name.rawValue.utf8, Self.reserved.utf8) {
            throw LeaseError(
                .invalidRequest,
                "\(NameRules.quoted(name.rawValue)) cannot be a lock on Redis: \(Self.reserved) is for keys of Colony's own"
            )
        }
    }

    /// - Complexity: O(*n*) in the length of the name.
    func keys(of name: LeaseName) -> Keys {
        let lock = self.prefixBytes + Array(name.rawValue.utf8)
        let base = self.base(of: lock)
        func companion(_ kind: String) -> [UInt8] { base + Array(kind.utf8) + Array(name.rawValue.utf8) }
        return Keys(
            lock: lock, counter: base + Array("token".utf8), lease: companion("lease:"), queue: companion("queue:"),
            waiters: companion("waiters:"), watchers: companion("watchers:"))
    }

    /// The companions of a name by their kind; `nil` stands for the counter of the slot.
    func companions(_ kinds: [String?], of name: [UInt8]) -> [[UInt8]] {
        let base = self.base(of: self.prefixBytes + name)
        return kinds.map { kind in
            if let kind { base + Array(kind.utf8) + name } else { base + Array("token".utf8) }
        }
    }

    /// What companions of a key begin with.
    func base(of key: [UInt8]) -> [UInt8] {
        self.prefixBytes + Array("{\(SlotTag.of(HashSlot.of(key)))}colony:".utf8)
    }

    /// The channel of an engine, without the engine.
    var channel: String { self.prefix + "colony:wake:" }

    // MARK: Listing

    /// A pattern for `SCAN` that finds the companions of the locks whose names begin with `start`.
    func leasePattern(_ start: String, kind: String = "lease:") -> String {
        "\(Self.literally(self.prefix)){*}colony:\(kind)\(Self.literally(start))*"
    }

    /// The name of the lock that a key found with ``leasePattern(_:kind:)`` belongs to.
    func name(ofCompanion key: [UInt8], kind: String = "lease:") -> LeaseName? {
        guard key.starts(with: self.prefixBytes) else { return nil }
        var rest = key[self.prefixBytes.count...]
        guard rest.first == UInt8(ascii: "{") else { return nil }
        rest = rest.dropFirst().drop { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let mark = Array("}colony:\(kind)".utf8)
        guard rest.starts(with: mark) else { return nil }
        return try? LeaseName(utf8: rest.dropFirst(mark.count))
    }

    /// A text in which nothing means something to a pattern.
    private static func literally(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if "*?[]\\^".unicodeScalars.contains(scalar) { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    private static func contains(_ text: String.UTF8View, _ part: String.UTF8View) -> Bool {
        var rest = text[...]
        while rest.count >= part.count {
            if rest.starts(with: part) { return true }
            rest = rest.dropFirst()
        }
        return false
    }

    /// What is wrong with a prefix, or `nil`.
    static func defect(inPrefix prefix: String) -> String? {
        if prefix.isEmpty { return nil }
        if let defect = NameRules.defect(in: prefix) {
            return "the prefix \(NameRules.quoted(prefix)) is not possible: \(defect)"
        }
        guard let open = prefix.firstIndex(of: "{") else { return nil }
        let rest = prefix[prefix.index(after: open)...]
        if let close = rest.firstIndex(of: "}"), close > rest.startIndex { return nil }
        return "the prefix \(NameRules.quoted(prefix)) opens a hash tag with { and does not close it"
    }
}
