import ColonyRESP

/// A request that runs a script by its digest, or in full for a server that has not met it.
protocol RedisScriptRequest: RedisRequest {
    /// Whether the text is sent, for a server that does not know the digest.
    var isInFull: Bool { get set }
}

/// A script with what it is run on. All keys are in one slot.
struct RedisScriptCall: RedisScriptRequest {
    let script: RedisScript
    var keys: [[UInt8]]
    let arguments: [[UInt8]]
    /// What it is about, for errors.
    let subject: String
    let isRepeatable: Bool
    var isInFull = false

    func routingKey(_ prefix: [UInt8]) -> [UInt8] { self.keys[0] }

    func write(_ prefix: [UInt8], to bytes: inout [UInt8]) {
        RESPCommandEncoding.begin(3 + self.keys.count + self.arguments.count, &bytes)
        RESPCommandEncoding.append(word: self.isInFull ? "EVAL" : "EVALSHA", to: &bytes)
        RESPCommandEncoding.append(word: self.isInFull ? self.script.text : self.script.digest, to: &bytes)
        RESPCommandEncoding.append(word: String(self.keys.count), to: &bytes)
        for key in self.keys { RESPCommandEncoding.append(word: key, to: &bytes) }
        for argument in self.arguments { RESPCommandEncoding.append(word: argument, to: &bytes) }
    }
}

extension RedisRouter {
    /// Runs scripts by their digests, and those in full that a server has not met.
    ///
    /// - Returns: One answer each, in the same order; errors of the servers are among them.
    /// - Complexity: One round trip; two when a server has not met a script.
    func run<Call: RedisScriptRequest>(_ calls: [Call]) async throws(RedisFailure) -> [RESPValue] {
        var answers = try await self.execute(calls)
        // What is not known was not run.
        let unknown = answers.indices.filter { answers[$0].errorText?.hasPrefix("NOSCRIPT") == true }
        if unknown.isEmpty { return answers }
        let repeated = unknown.map { index in
            var call = calls[index]
            call.isInFull = true
            return call
        }
        for (index, answer) in zip(unknown, try await self.execute(repeated)) { answers[index] = answer }
        return answers
    }

    /// Sends a command without a key to one server.
    func ask(_ address: RedisAddress, _ words: [[UInt8]]) async throws(RedisFailure) -> RESPValue {
        guard let node = self.onlyNode ?? self.node(address) else { throw RedisFailure.closed }
        let call = RedisCall(expected: 1, deadline: self.deadline())
        node.link().send(call) { RESPCommandEncoding.append(command: words, to: &$0) }
        await call.wait()
        let answer = try call.single()
        if let text = answer.errorText { throw RedisReply.failure(text) }
        return answer
    }

    /// The servers that have keys.
    func masters() async throws(RedisFailure) -> [RedisAddress] {
        if !self.options.isCluster { return self.options.servers }
        return try await self.map(until: self.deadline()).masters
    }

    /// Walks through the keys of one server; one that stays is found at least once.
    ///
    /// - Complexity: One round trip for each 1,000 keys of the database.
    func scan(
        _ address: RedisAddress, matching pattern: [UInt8], _ found: ([UInt8]) -> Void
    ) async throws(RedisFailure) {
        var cursor = Array("0".utf8)
        repeat {
            let answer = try await self.ask(
                address,
                [
                    Array("SCAN".utf8), cursor, Array("MATCH".utf8), pattern, Array("COUNT".utf8), Array("1000".utf8),
                ])
            guard let parts = answer.elements, parts.count == 2, let next = parts[0].bytes,
                let keys = parts[1].elements
            else { throw RedisFailure(.unavailable, "the server did not answer with keys: \(answer)") }
            for key in keys {
                if let bytes = key.bytes { found(bytes) }
            }
            cursor = next
        } while cursor != Array("0".utf8)
    }
}
