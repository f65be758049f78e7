/// What goes over one connection between two members, sealed: decisions without a socket.
///
/// Each side begins a life of its own for the connection, and both greet before anything is said. From then on every envelope is for the life of the other side and has the next
/// number: one that was recorded on another connection, that comes twice, out of turn, or after one that was left out is refused, and the connection is to be
/// closed then.
///
/// ```swift
/// var conversation = SealedConversation(cluster: "orders", purpose: .election, keyring: keyring, boot: boot)
/// send(conversation.greeting())                          // whoever dials begins
/// switch try conversation.open(envelope) {
/// case .greeted(let answer): if let answer { send(answer) }   // from here on `seal` may be called
/// case .content(let bytes): …
/// }
/// send(conversation.seal(bytes))
/// ```
///
/// Where one envelope ends and the next one begins is left to whoever owns the connection, which limits the length as well: ``greetingBytes`` before the greeting.
///
/// **What is not promised.** Members share a key, so each of them can pretend to be any other one. Who has recorded a conversation and gets the key later can read it. The end
/// of a connection may be cut off: what must arrive has to be acknowledged.
package struct SealedConversation {
    /// What an envelope was.
    package enum Event: Hashable {
        /// The other side has greeted. An answer is to be sent, if there is one.
        case greeted(answer: [UInt8]?)
        /// The other side says something.
        case content([UInt8])
    }

    /// How long a greeting is.
    package static let greetingBytes = Envelope.overhead
    /// By how much an envelope is longer than what is in it.
    package static let overhead = Envelope.overhead

    private var sealing: SealingEnd
    private var opening: OpeningEnd
    /// The life of the other side.
    private var peer: BootID?
    private var hasGreeted = false
    private var heard: UInt64 = 0

    /// - Parameters:
    ///   - cluster: The name of the cluster, which both sides must have.
    ///   - keyring: `nil` to seal nothing.
    ///   - boot: A new one for each connection.
    package init(cluster: String, purpose: SealPurpose, keyring: ClusterKeyring?, boot: BootID) {
        self.sealing = SealingEnd(cluster: cluster, purpose: purpose, keyring: keyring, boot: boot)
        self.opening = OpeningEnd(cluster: cluster, purpose: purpose, keyring: keyring, capacity: 2)
    }

    /// Whether both have greeted.
    package var isOpen: Bool { self.peer != nil }

    /// What the side that dials sends first.
    package mutating func greeting() -> [UInt8] {
        self.hasGreeted = true
        return self.sealing.seal([], to: 0)
    }

    /// Opens the next envelope.
    ///
    /// - Throws: ``ClusterRefusal``. Nothing may be opened after that.
    package mutating func open(_ envelope: [UInt8]) throws(ClusterRefusal) -> Event {
        let opened = try self.opening.open(envelope)
        guard let peer else { return try self.takeGreeting(opened) }
        guard opened.boot == peer, opened.recipient == self.sealing.boot.token else { throw .misdirected }
        guard opened.counter == self.heard + 1 else { throw .replayed }
        self.heard += 1
        return .content(opened.content)
    }

    private mutating func takeGreeting(_ opened: OpeningEnd.Opened) throws(ClusterRefusal) -> Event {
        // The side that has dialled is answered by name, so that an old answer is of no use; its own words that come back are for nobody.
        let isForThis = self.hasGreeted ? opened.recipient == self.sealing.boot.token : opened.recipient == 0
        guard isForThis, opened.boot != self.sealing.boot else { throw .misdirected }
        guard opened.counter == 1 else { throw .replayed }
        guard opened.content.isEmpty else { throw .undecodable }
        self.peer = opened.boot
        self.heard = 1
        if self.hasGreeted { return .greeted(answer: nil) }
        return .greeted(answer: self.sealing.seal([], to: opened.boot.token))
    }

    /// Seals something for the other side.
    ///
    /// - Precondition: ``isOpen``.
    package mutating func seal(_ content: [UInt8]) -> [UInt8] {
        guard let peer else { preconditionFailure("nothing can be said before both have greeted") }
        return self.sealing.seal(content, to: peer.token)
    }
}
