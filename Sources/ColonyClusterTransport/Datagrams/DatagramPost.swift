package import ColonyCore

/// What goes between this life of a member and others, one datagram at a time, sealed and never taken twice: decisions without a socket.
///
/// Every letter is for one life of its receiver, which is drawn at random when it begins. A letter that was recorded is therefore of no use with another member, nor with
/// the same one after it was started again, nor, thanks to a ``ReplayGuard``, with the one that it was for. No clock has a part in it, so one that is hours off does no harm.
///
/// Before the first letter to an address its life has to be asked for. That takes one datagram in each direction, once for each pair of members:
///
/// ```text
/// greeting    to anybody at an address, with a number drawn for it
/// welcome     the answer, to the life that has greeted, with its number: from here on both can write to each other
/// letter      to a life, with contents
/// stranger    the answer to a letter to a life that is over: whoever sent it greets again
/// ```
///
/// - Complexity: O(1) for each datagram, except that a life that is over is looked for among all places.
package struct DatagramPost<Place: Hashable & Sendable>: Sendable {
    enum Kind: UInt8 {
        case greeting = 1, welcome, letter, stranger
    }

    /// A datagram that is to be sent.
    package struct Outgoing: Hashable {
        package let bytes: [UInt8]
        package let place: Place
    }

    /// What has come of a datagram.
    package struct Received: Hashable {
        /// The contents, if it was a letter and is for this life.
        package var letter: [UInt8]?
        /// What is to be sent because of it.
        package var outgoing: [Outgoing] = []
        /// Why it was ignored, if it was.
        package var refusal: ClusterRefusal?
    }

    /// Letters that wait until it is known who is there.
    private struct Waiting {
        let number: UInt64
        let expiresAt: MonotonicInstant
        var letters: [[UInt8]]
    }

    /// By how much a datagram is longer than the letter in it.
    package static var overhead: Int { Envelope.overhead + 1 }

    /// The most letters that wait for one place.
    static var mostWaitingLetters: Int { 8 }

    private var sealing: SealingEnd
    private var opening: OpeningEnd
    private var replays: ReplayGuard
    private var generator: any RandomNumberGenerator & Sendable
    private let greetingTimeout: Duration
    private let mostPlaces: Int
    private let mostGreetings: Int
    /// The life that was heard last from a place.
    private var lives: [Place: UInt64] = [:]
    private var waiting: [Place: Waiting] = [:]
    private var greeted: [UInt64: Place] = [:]

    /// - Parameters:
    ///   - generator: One whose numbers nobody can guess and that do not come again; see ``BootID/init(using:)``.
    ///   - greetingTimeout: After how long a greeting that was not answered is repeated, if there is something to say.
    ///   - mostLives: How many lives are told apart. When more were heard this one ends and another one begins, so that nothing old is taken.
    ///   - mostGreetings: How many greetings wait for an answer.
    package init(
        cluster: String, keyring: ClusterKeyring?, generator: any RandomNumberGenerator & Sendable,
        greetingTimeout: Duration, mostLives: Int = 65_536, mostGreetings: Int = 1_024
    ) {
        var generator = generator
        self.sealing = SealingEnd(
            cluster: cluster, purpose: .datagram, keyring: keyring, boot: BootID(using: &generator))
        self.opening = OpeningEnd(cluster: cluster, purpose: .datagram, keyring: keyring)
        self.replays = ReplayGuard(capacity: mostLives)
        self.generator = generator
        self.greetingTimeout = greetingTimeout
        self.mostPlaces = mostLives
        self.mostGreetings = mostGreetings
    }

    // MARK: Sending

    /// Sends a letter, or a greeting for now.
    package mutating func send(_ letter: [UInt8], to place: Place, at now: MonotonicInstant) -> [Outgoing] {
        if let life = self.lives[place] { return [self.outgoing(.letter, letter, to: life, at: place)] }
        if var waiting = self.waiting[place], now < waiting.expiresAt {
            waiting.letters.append(letter)
            if waiting.letters.count > Self.mostWaitingLetters { waiting.letters.removeFirst() }
            self.waiting[place] = waiting
            return []
        }
        self.forgetGreeting(of: place)
        if self.waiting.count >= self.mostGreetings {
            for (place, waiting) in self.waiting where waiting.expiresAt <= now { self.forgetGreeting(of: place) }
            if self.waiting.count >= self.mostGreetings { return [] }
        }
        let number = UInt64.random(in: .min ... .max, using: &self.generator)
        self.waiting[place] = Waiting(
            number: number, expiresAt: now.advanced(by: self.greetingTimeout), letters: [letter])
        self.greeted[number] = place
        return [self.outgoing(.greeting, Self.bytes(number), to: 0, at: place)]
    }

    private mutating func forgetGreeting(of place: Place) {
        if let waiting = self.waiting.removeValue(forKey: place) { self.greeted[waiting.number] = nil }
    }

    private mutating func outgoing(_ kind: Kind, _ content: [UInt8], to life: UInt64, at place: Place) -> Outgoing {
        Outgoing(bytes: self.sealing.seal([kind.rawValue] + content, to: life), place: place)
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: number)
        return bytes
    }

    // MARK: Receiving

    /// Takes a datagram.
    package mutating func receive(_ bytes: [UInt8], from place: Place) -> Received {
        do {
            return try self.take(bytes, from: place)
        } catch {
            return Received(refusal: error)
        }
    }

    private mutating func take(_ bytes: [UInt8], from place: Place) throws(ClusterRefusal) -> Received {
        let opened = try self.opening.open(bytes)
        // What this life has sent itself and somebody sends back.
        guard opened.boot != self.sealing.boot else { throw .misdirected }
        guard let first = opened.content.first, let kind = Kind(rawValue: first) else { throw .undecodable }
        let content = Array(opened.content.dropFirst())
        if kind == .greeting {
            // It may be an old one. It is answered and changes nothing.
            guard content.count == 8, opened.recipient == 0 else { throw .undecodable }
            return Received(outgoing: [self.outgoing(.welcome, content, to: opened.boot.token, at: place)])
        }
        guard opened.recipient == self.sealing.boot.token else {
            var received = Received(refusal: .misdirected)
            if kind == .letter {
                let former = Self.bytes(opened.recipient)
                received.outgoing = [self.outgoing(.stranger, former, to: opened.boot.token, at: place)]
            }
            return received
        }
        switch self.replays.accept(opened.counter, of: opened.boot) {
        case .new: break
        case .repeated: throw .replayed
        case .full: self.beginAnotherLife()
        }
        switch kind {
        case .letter:
            self.remember(opened.boot, at: place)
            return Received(letter: content)
        case .welcome: return try self.takeWelcome(content, opened.boot, from: place)
        case .stranger:
            guard content.count == 8 else { throw .undecodable }
            let former: UInt64 = content.number(at: 0)
            self.lives = self.lives.filter { $0.value != former }
            return Received()
        case .greeting: throw .undecodable
        }
    }

    private mutating func takeWelcome(
        _ content: [UInt8], _ boot: BootID, from place: Place
    ) throws(ClusterRefusal) -> Received {
        guard content.count == 8 else { throw .undecodable }
        // It may come from another address of the one that was greeted.
        guard let asked = self.greeted[content.number(at: 0)], let waiting = self.waiting[asked] else {
            throw .replayed
        }
        self.forgetGreeting(of: asked)
        self.remember(boot, at: asked)
        self.remember(boot, at: place)
        return Received(outgoing: waiting.letters.map { self.outgoing(.letter, $0, to: boot.token, at: asked) })
    }

    private mutating func remember(_ boot: BootID, at place: Place) {
        if self.lives.count >= self.mostPlaces, self.lives[place] == nil { self.lives = [:] }
        self.lives[place] = boot.token
    }

    /// What was for the life that ends is for nobody any more, so all that is known of repetitions can be forgotten.
    private mutating func beginAnotherLife() {
        self.sealing.renew(BootID(using: &self.generator))
        self.replays.forgetAll()
    }
}
