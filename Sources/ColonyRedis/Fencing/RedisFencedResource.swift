public import ColonyCore

/// A key of *your* Redis that refuses the writes of those who have lost the lock that guards it.
///
/// ```swift
/// let fence = try RedisFence(url: "redis://127.0.0.1:6379")
/// try await fence.set(Array("paid".utf8), for: "orders/42", token: lease.token)
/// ```
///
/// **Why a lock alone is not enough.** A holder that is stopped for longer than its lease goes on afterwards exactly where it
/// was, between "I hold the lock" and the write, while another holds the lock. Only the resource itself can refuse: it remembers
/// the greatest fencing token it has seen, and refuses smaller ones.
///
/// **What makes it hold here.** The check and the write are one script, and Redis runs scripts one after the other, so nobody
/// gets between the two. The token that was seen is a key in the slot of the guarded one; it never expires. The lock may be on
/// any engine whose tokens rise.
///
/// - Important: Who writes the key past the guard is not checked; and a Redis that loses its last writes loses the token with
///   what was written, so that an older holder may write again until the newer one does.
public struct RedisFencedResource: Hashable, Sendable {
    /// The key that is guarded. Others with the same hash tag may be written under the same guard, by ``script``.
    public let key: String

    /// - Parameter key: 1 to 255 bytes of UTF-8 without control characters.
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    public init(_ key: String) throws(InvalidName) {
        self.key = try LeaseName(key).rawValue
    }

    /// Where the greatest token is kept: a string in decimal digits.
    public var tokenKey: String {
        "{\(SlotTag.of(HashSlot.of(Array(self.key.utf8))))}colony:fence:\(self.key)"
    }

    /// The guard as a script, for programs with a Redis client of their own.
    ///
    /// Keys are ``tokenKey`` and then all that the command touches; arguments are the token in decimal digits and then the
    /// words of a command, or none to check only. The answer is an array: 1 and what the command answered, or 0 and the greatest
    /// token, and then nothing was done. Tokens of 64 bits are compared digit by digit, because numbers of scripts hold 53.
    public static let script = """
        local function isLess(first, second) return #first < #second or (#first == #second and first < second) end
        local seen = redis.call('GET', KEYS[1])
        if seen and isLess(ARGV[1], seen) then return {0, seen} end
        if seen ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[1]) end
        if #ARGV == 1 then return {1} end
        return {1, redis.call(unpack(ARGV, 2))}
        """

    static let guarded = RedisScript(Self.script)
}

extension RedisFencedResource: ExpressibleByStringLiteral {
    /// Makes a resource from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.key = LeaseName(stringLiteral: value).rawValue
    }
}

extension RedisFencedResource {
    /// A write was refused because its holder has lost the lock: a later holder has written already. *Not done.*
    ///
    /// Stop the protected work; whoever holds the lock now goes on with it. Do not repeat the write with a new token unless you
    /// read again what it was based on.
    public struct StaleToken: Error, Hashable, Sendable, CustomStringConvertible {
        /// The ``RedisFencedResource/key`` of what was to be written.
        public let resource: String
        /// The token that was refused.
        public let token: FencingToken
        /// The greatest token that was accepted.
        public let greatest: FencingToken

        public var description: String {
            "a write to \"\(self.resource)\" with the fencing token \(self.token) was refused: "
                + "\(self.greatest) was accepted before, so the lock has passed on"
        }
    }
}
