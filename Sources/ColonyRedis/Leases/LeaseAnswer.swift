import ColonyCore
import ColonyRESP

/// What the scripts answer, read.
enum LeaseAnswer {
    /// The answer to one who asked for a lock.
    enum Grant {
        case granted(token: FencingToken, left: Duration)
        /// - Parameters:
        ///   - isForeign: Whether the holder is none of Colony's, which tells nobody when it releases.
        ///   - rank: How many stand in the queue before who asked, if it stands there.
        case held(LeaseHolder, left: Duration?, isForeign: Bool, rank: Int?)
    }

    static func grant(_ answer: RESPValue) -> Grant? {
        guard let parts = answer.elements, let isGranted = parts.first?.integer else { return nil }
        if isGranted == 1 {
            guard parts.count == 3, let token = Self.token(parts[1]), let left = parts[2].integer, left > 0
            else { return nil }
            return .granted(token: token, left: .milliseconds(left))
        }
        guard parts.count >= 4, let owner = parts[1].bytes, let token = Self.token(parts[2]),
            let left = parts[3].integer
        else { return nil }
        return .held(
            LeaseHolder(owner: Self.owner(owner), token: token, remaining: Self.remaining(left)),
            left: left < 0 ? nil : .milliseconds(left), isForeign: token.rawValue == 0,
            rank: parts.count > 4 ? parts[4].integer.map { Int($0) } : nil)
    }

    static func record(_ answer: RESPValue, of name: LeaseName) -> LeaseRecord? {
        guard let parts = answer.elements, parts.count >= 6, parts.count.isMultiple(of: 2),
            let owner = parts[0].bytes, let token = Self.token(parts[1]), let age = parts[2].integer,
            let duration = parts[3].text.flatMap({ Int64($0) }), let left = parts[4].integer,
            let renewals = parts[5].integer
        else { return nil }
        var waiters: [LeaseWaiter] = []
        for index in stride(from: 6, to: parts.count, by: 2) {
            guard let owner = parts[index].bytes, let age = parts[index + 1].integer else { return nil }
            waiters.append(LeaseWaiter(owner: Self.owner(owner), age: .microseconds(age)))
        }
        // Of a holder that is none of Colony's, only its end is known.
        let remaining = Self.remaining(left)
        return LeaseRecord(
            name: name, owner: Self.owner(owner), token: token,
            duration: duration > 0 ? .nanoseconds(duration) : remaining, remaining: remaining,
            age: .microseconds(max(0, age)), renewals: UInt64(max(0, renewals)), waiters: waiters)
    }

    /// What the value of a lock says of its owner. One that cannot be an owner as it is stands as its digest.
    static func owner(_ bytes: [UInt8]) -> OwnerID {
        if let text = String(validating: bytes, as: UTF8.self), let owner = try? OwnerID(text) { return owner }
        let digest = "foreign:\(EntryVersion.digest(bytes))"
        do {
            return try OwnerID(digest)
        } catch {
            preconditionFailure("a digest is not an owner: \(error)")
        }
    }

    private static func token(_ value: RESPValue) -> FencingToken? {
        value.integer.flatMap { $0 < 0 ? nil : FencingToken(rawValue: UInt64($0)) }
    }

    /// What is left: at least something, because what has run out is not answered; and for a key without an end as much as
    /// a lease may last at all.
    private static func remaining(_ milliseconds: Int64) -> Duration {
        milliseconds < 0 ? LeaseLimits.duration.upperBound : .milliseconds(max(1, milliseconds))
    }
}
