import ColonyCore
import Crypto

/// Seals what one life of a member sends.
///
/// **Nonces never repeat.** Every life has keys of its own, derived from the key of the cluster and 96 random bits by HKDF-SHA256, and counts what it seals; the
/// counter is the nonce. So nothing has to be remembered over a restart, and however many members share a key, no two packets meet in one key and nonce: with
/// random nonces under one shared key, as elsewhere, 2³² packets of all members together are as many as there should be, which a large cluster sends in days.
///
/// - SeeAlso: NIST SP 800-38D, section 8.3, for that limit; RFC 5869 for HKDF.
package struct SealingEnd {
    /// What is sealed with one boot identifier at the most. It is not reached in 500 years of a million packets a second.
    static let mostPackets: UInt64 = 1 << 54

    let cluster: String
    let purpose: SealPurpose
    let keyring: ClusterKeyring?
    /// Which life it is.
    package private(set) var boot: BootID
    private var counter: UInt64 = 0
    private var latest: (key: ClusterKey, sealing: SymmetricKey, tag: UInt32, cluster: UInt32)?

    /// - Parameter keyring: `nil` to seal nothing, and write everything in the open.
    package init(cluster: String, purpose: SealPurpose, keyring: ClusterKeyring?, boot: BootID) {
        self.cluster = cluster
        self.purpose = purpose
        self.keyring = keyring
        self.boot = boot
    }

    /// Begins another life.
    package mutating func renew(_ boot: BootID) {
        self.boot = boot
        self.counter = 0
        self.latest = nil
    }

    /// The envelope of some content.
    ///
    /// - Parameter recipient: The ``BootID/token`` of the life that it is for; 0 if that is not known, for greetings only.
    package mutating func seal(_ content: [UInt8], to recipient: UInt64) -> [UInt8] {
        precondition(self.counter < Self.mostPackets, "a member has sealed \(self.counter) packets in one life")
        self.counter += 1
        var sealed: [UInt8] = []
        sealed.reserveCapacity(Envelope.recipientBytes + content.count)
        sealed.append(bigEndian: recipient)
        sealed += content
        guard let keyring else {
            let header = Envelope(
                suite: .plain, purpose: self.purpose, key: 0, cluster: SealLabels.openTag(self.cluster),
                boot: self.boot, counter: self.counter)
            return header.bytes + sealed
        }
        let key = self.sealingKey(of: keyring.primary)
        let header = Envelope(
            suite: .aesGCM, purpose: self.purpose, key: key.tag, cluster: key.cluster, boot: self.boot,
            counter: self.counter)
        let head = header.bytes
        let box: AES.GCM.SealedBox
        do {
            box = try AES.GCM.seal(
                sealed, using: key.sealing, nonce: SealLabels.nonce(self.counter),
                authenticating: SealLabels.authenticated(head, self.cluster))
        } catch {
            preconditionFailure("AES-GCM refuses a key of \(key.sealing.bitCount) bits: \(error)")
        }
        return head + box.ciphertext + box.tag
    }

    private mutating func sealingKey(
        of key: ClusterKey
    ) -> (key: ClusterKey, sealing: SymmetricKey, tag: UInt32, cluster: UInt32) {
        if let latest, latest.key == key { return latest }
        let made = (
            key: key,
            sealing: key.derivedKey(salt: self.boot.bytes, label: SealLabels.key(self.cluster, self.purpose)),
            tag: key.tag, cluster: key.derivedNumber(SealLabels.cluster(self.cluster))
        )
        self.latest = made
        return made
    }
}

/// What keys, tags, and nonces are derived from.
enum SealLabels {
    static func cluster(_ name: String) -> String { "colony cluster name v1\n\(name)" }

    static func key(_ name: String, _ purpose: SealPurpose) -> [UInt8] {
        Array("colony cluster seal v1\n\(purpose.rawValue)\n\(name)".utf8)
    }

    /// For clusters without a key: it keeps clusters apart that were mixed up, and nobody out.
    static func openTag(_ name: String) -> UInt32 {
        SHA256.hash(data: Array(self.cluster(name).utf8)).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func nonce(_ counter: UInt64) throws -> AES.GCM.Nonce {
        var bytes: [UInt8] = [0, 0, 0, 0]
        bytes.append(bigEndian: counter)
        return try AES.GCM.Nonce(data: bytes)
    }

    static func authenticated(_ header: some Collection<UInt8>, _ cluster: String) -> [UInt8] {
        Array(header) + Array(cluster.utf8)
    }
}
