import Crypto

/// Opens what others have sealed, with any key of the keyring.
///
/// It tells who sealed what for whom, and no more: whether it came before, and whether it is for this life, its owner looks at. What fails costs one or two hashes and
/// takes no memory.
package struct OpeningEnd {
    /// What was opened.
    package struct Opened: Hashable {
        /// In which life it was sealed.
        package let boot: BootID
        /// The how-manieth of that life it is, from 1.
        package let counter: UInt64
        /// For whom it was sealed; 0 for anybody.
        package let recipient: UInt64
        package let content: [UInt8]
    }

    private struct CacheKey: Hashable {
        let key: ClusterKey
        let boot: BootID
    }

    let cluster: String
    let purpose: SealPurpose
    let keyring: ClusterKeyring?
    /// How many derived keys are kept: one for each member that sends.
    private let capacity: Int
    private var cache: [CacheKey: SymmetricKey] = [:]
    private var clusterTags: [ClusterKey: UInt32] = [:]
    private let openTag: UInt32

    package init(cluster: String, purpose: SealPurpose, keyring: ClusterKeyring?, capacity: Int = 4_096) {
        self.cluster = cluster
        self.purpose = purpose
        self.keyring = keyring
        self.capacity = capacity
        self.openTag = SealLabels.openTag(cluster)
    }

    /// Opens an envelope.
    ///
    /// - Throws: ``ClusterRefusal``: `alien`, `wrongVersion`, `unsealed`, `wrongKey`, `wrongCluster`, `wrongPurpose`, or `forged`.
    package mutating func open(_ bytes: [UInt8]) throws(ClusterRefusal) -> Opened {
        let envelope = try Envelope(reading: bytes)
        switch (envelope.suite, self.keyring) {
        case (.plain, nil):
            guard envelope.cluster == self.openTag else { throw .wrongCluster }
            guard envelope.purpose == self.purpose else { throw .wrongPurpose }
            return self.opened(envelope, bytes[Envelope.headerBytes...])
        case (.plain, .some): throw .unsealed
        case (.aesGCM, nil): throw .wrongKey
        case (.aesGCM, .some(let keyring)):
            guard bytes.count >= Envelope.overhead else { throw .alien }
            return try self.open(envelope, bytes, keyring)
        }
    }

    private mutating func open(
        _ envelope: Envelope, _ bytes: [UInt8], _ keyring: ClusterKeyring
    ) throws(ClusterRefusal) -> Opened {
        let keys = keyring.keys(tagged: envelope.key)
        if keys.isEmpty { throw .wrongKey }
        var refusal = ClusterRefusal.wrongCluster
        for key in keys where self.clusterTag(of: key) == envelope.cluster {
            guard envelope.purpose == self.purpose else { throw .wrongPurpose }
            refusal = .forged
            if let content = self.content(of: envelope, bytes, key) { return self.opened(envelope, content[...]) }
        }
        throw refusal
    }

    private mutating func clusterTag(of key: ClusterKey) -> UInt32 {
        if let tag = self.clusterTags[key] { return tag }
        // More keys than a keyring holds are there only after many were replaced.
        if self.clusterTags.count > ClusterKeyring.mostKeys { self.clusterTags = [:] }
        let tag = key.derivedNumber(SealLabels.cluster(self.cluster))
        self.clusterTags[key] = tag
        return tag
    }

    private mutating func content(of envelope: Envelope, _ bytes: [UInt8], _ key: ClusterKey) -> [UInt8]? {
        let place = CacheKey(key: key, boot: envelope.boot)
        let known = self.cache[place]
        let opening =
            known ?? key.derivedKey(salt: envelope.boot.bytes, label: SealLabels.key(self.cluster, self.purpose))
        let header = bytes[..<Envelope.headerBytes]
        let sealed = bytes[Envelope.headerBytes..<(bytes.count - Envelope.tagBytes)]
        guard
            let box = try? AES.GCM.SealedBox(
                nonce: SealLabels.nonce(envelope.counter), ciphertext: sealed, tag: bytes.suffix(Envelope.tagBytes)),
            let content = try? AES.GCM.open(
                box, using: opening, authenticating: SealLabels.authenticated(header, self.cluster))
        else { return nil }
        // Only after it has opened something, so that nobody without the key fills the cache.
        if known == nil {
            if self.cache.count >= self.capacity { self.cache.removeAll(keepingCapacity: true) }
            self.cache[place] = opening
        }
        return Array(content)
    }

    private func opened(_ envelope: Envelope, _ content: ArraySlice<UInt8>) -> Opened {
        let bytes = Array(content)
        return Opened(
            boot: envelope.boot, counter: envelope.counter, recipient: bytes.number(at: 0),
            content: Array(bytes.dropFirst(Envelope.recipientBytes)))
    }
}
