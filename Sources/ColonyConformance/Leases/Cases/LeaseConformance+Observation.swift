import ColonyCore

extension LeaseConformance {
    static let observationCases: [LeaseCase] = [
        LeaseCase("grants and releases of any client are announced", .observation, requires: [.observation]) {
            context in
            let name = try context.name()
            try await context.observing { seen in
                for engine in [context.engine, context.other] {
                    var before = seen.value
                    let lease = try await context.grant(name, to: 1, for: context.ample, on: engine)
                    try await context.eventually("a grant is announced") { seen.value > before }
                    before = seen.value
                    _ = try await engine.release(name, owner: lease.owner, token: lease.token)
                    try await context.eventually("a release is announced") { seen.value > before }
                }
            }
        },
        LeaseCase(
            "a lease that is broken is announced", .observation, requires: [.observation, .administration]
        ) { context in
            let name = try context.name()
            let engine = try context.administration(context.other)
            _ = try await context.grant(name, to: 1, for: context.ample)
            try await context.observing { seen in
                let before = seen.value
                _ = try await engine.breakLease(name)
                try await context.eventually("a broken lease is announced") { seen.value > before }
            }
        },
        LeaseCase("a slow reader is told once of many changes", .observation, requires: [.observation]) { context in
            let name = try context.name()
            let stream = try context.observation(context.engine).changes()
            for number in 1...20 {
                let lease = try await context.grant(name, to: number, for: context.ample)
                _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            }
            let seen = Tally()
            let reader = context.start {
                for await _ in stream { seen.increment() }
            }
            try await context.eventually("the changes are announced") { seen.value > 0 }
            try await context.harness.settle()
            // One element was kept; a store in use by others, or one that looks at its file, may add a few.
            try expect(seen.value <= 10, "a reader that came late was told \(seen.value) times of 40 changes")
            reader.cancel()
            _ = try await context.promptOutcome(of: reader, "the stream of a cancelled reader")
        },
        LeaseCase(
            "the stream ends when its reader is cancelled, and others go on", .observation, requires: [.observation]
        ) {
            context in
            let name = try context.name()
            let cancelledStream = try context.observation(context.engine).changes()
            let cancelled = context.start { for await _ in cancelledStream {} }
            try await context.observing { seen in
                cancelled.cancel()
                _ = try await context.promptOutcome(of: cancelled, "the stream of a cancelled reader").get()
                let before = seen.value
                _ = try await context.grant(name, to: 1, for: context.ample)
                try await context.eventually("a grant is announced to the other reader") { seen.value > before }
            }
        },
    ]
}

extension LeaseCaseContext {
    /// Counts what the first client announces while `body` runs.
    func observing(_ body: (Tally) async throws -> Void) async throws {
        let stream = try self.observation(self.engine).changes()
        let seen = Tally()
        let reader = self.start {
            for await _ in stream { seen.increment() }
        }
        defer { reader.cancel() }
        try await body(seen)
    }
}
