import ColonyCore
import ColonyRESP

/// What permits and registry share: keys of Colony's own only, and waiting for messages.
extension RedisLeaseEngine {
    /// - Parameter kinds: The keys by their kind; `nil` stands for the counter of the slot.
    func companionCall(
        _ script: RedisScript, _ name: LeaseName, _ kinds: [String?], isRepeatable: Bool, _ arguments: [[UInt8]]
    ) throws(LeaseError) -> RedisScriptCall {
        try self.space.check(name)
        let name = Array(name.rawValue.utf8)
        return RedisScriptCall(
            script: script, keys: self.space.companions(kinds, of: name), arguments: arguments,
            subject: String(decoding: name, as: UTF8.self), isRepeatable: isRepeatable)
    }

    /// Looks whenever it is told to, and at least once a second, until a script answers `{1}`.
    ///
    /// - Parameter pause: When to look again at the latest, from another answer; `nil` for one that cannot be.
    /// - Returns: `false` if the deadline passed first.
    func waitUntil(
        _ deadline: MonotonicInstant, _ wait: LeaseWait, _ what: String, _ call: RedisScriptCall,
        pause: ([RESPValue]) -> Duration?
    ) async throws(LeaseError) -> Bool {
        var patience = Patience(self)
        while true {
            let signal = wait.arm()
            var rest = Self.longestWait / 10
            if let answer = try await patience.ask({ () async throws(LeaseError) in try await self.run(call) }) {
                guard let parts = answer.elements, let isOver = parts.first?.integer else {
                    throw self.unexpected(answer)
                }
                if isOver == 1 { return true }
                guard let next = pause(parts) else { throw self.unexpected(answer) }
                // What runs out does so after the instant that is told, not at it.
                rest = min(Self.longestWait, next + .milliseconds(1))
                self.subscription.start()
            }
            let now = self.clock.now
            if now >= deadline { return false }
            try await self.sleep(signal, until: min(deadline, now.advanced(by: rest)), what)
        }
    }
}
