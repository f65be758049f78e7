import ColonyCaches
import ColonyCore

extension CacheTierConformance {
    static let contentionCases: [CacheTierCase] = [
        CacheTierCase("of many comparisons with nothing that meet one wins", .contention) { context in
            for round in 0..<context.amount(50, atLeast: 5) {
                let key = try context.key("round-\(round)")
                let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
                    for task in 0..<8 {
                        let client = task.isMultiple(of: 2) ? context.tier : context.other
                        group.addTask {
                            let answer = try await client.compareAndSet(
                                CacheWrite(key, text: "\(task)"), expecting: nil)
                            if case .stored = answer { return task }
                            return nil
                        }
                    }
                    return try await group.reduce(into: [Int]()) { if let winner = $1 { $0.append(winner) } }
                }
                try expect(winners.count == 1, "\(winners.count) of 8 comparisons with nothing have stored")
                try await context.expectValue("\(winners[0])", at: key, "after one comparison has won")
            }
        },
        CacheTierCase("no update is lost by those who read, compare, and store", .contention) { context in
            let key = try context.key()
            let rounds = context.amount(100, atLeast: 10)
            try await context.store("0", at: key, expecting: nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    let client = task.isMultiple(of: 2) ? context.tier : context.other
                    group.addTask {
                        for _ in 0..<rounds { try await context.increment(key, on: client) }
                    }
                }
                try await group.waitForAll()
            }
            try await context.expectValue("\(8 * rounds)", at: key, "after \(8 * rounds) increments")
        },
        CacheTierCase("of many removals by comparison that meet one wins", .contention) { context in
            for round in 0..<context.amount(50, atLeast: 5) {
                let key = try context.key("round-\(round)")
                let version = try await context.store("v", at: key, expecting: nil)
                let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for task in 0..<8 {
                        let client = task.isMultiple(of: 2) ? context.tier : context.other
                        group.addTask { try await client.compareAndDelete(key, expecting: version) }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                try expect(winners == 1, "\(winners) of 8 removals of one version have succeeded")
            }
        },
        CacheTierCase("calls at once have each their own answers", .contention) { context in
            let keys = try (0..<64).map { try context.key("item-\($0)") }
            for chunk in stride(from: 0, to: 64, by: min(64, context.tier.limits.keysPerCall)) {
                let part = (chunk..<64).prefix(context.tier.limits.keysPerCall)
                try await context.tier.set(part.map { CacheWrite(keys[$0], text: "value of \($0)") })
            }
            let rounds = context.amount(100, atLeast: 10)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<64 {
                    let client = task.isMultiple(of: 2) ? context.tier : context.other
                    group.addTask {
                        for round in 0..<rounds {
                            let number = (task + round * 7) % 64
                            try await context.expectValue(
                                "value of \(number)", at: keys[number], on: client, "while others look up")
                        }
                    }
                }
                try await group.waitForAll()
            }
        },
        CacheTierCase("a value is never mixed from two that are written at once", .contention) { context in
            let key = try context.key()
            let size = min(10_000, context.tier.limits.valueBytes)
            let rounds = context.amount(100, atLeast: 10)
            try await context.tier.set([CacheWrite(key, [UInt8](repeating: 0, count: size))])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    let client = task.isMultiple(of: 2) ? context.tier : context.other
                    group.addTask {
                        for round in 0..<rounds {
                            if task < 4 {
                                let byte = UInt8(truncatingIfNeeded: task * 64 + round)
                                try await client.set([CacheWrite(key, [UInt8](repeating: byte, count: size))])
                            } else {
                                let found = try require(
                                    try await context.look(key, on: client), "an entry is absent that nobody removes")
                                try expect(
                                    found.value.count == size && Set(found.value).count == 1,
                                    "a value was mixed from those of \(Set(found.value).count) writers")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        },
    ]

    static let cancellationCases: [CacheTierCase] = [
        CacheTierCase("cancelled calls end, and those that follow have their own answers", .cancellation) { context in
            let keys = try (0..<16).map { try context.key("item-\($0)") }
            for (number, key) in keys.enumerated() {
                try await context.tier.set([CacheWrite(key, text: "value of \(number)")])
            }
            for round in 0..<context.amount(200, atLeast: 20) {
                let tasks = (0..<4).map { task in
                    let number = (round + task) % 16
                    return context.start {
                        try await context.expectValue(
                            "value of \(number)", at: keys[number], "while neighbours are cancelled")
                    }
                }
                for _ in 0..<round % 5 { await Task.yield() }
                tasks[round % 4].cancel()
                tasks[(round / 4) % 4].cancel()
                for task in tasks {
                    let outcome = await task.outcome(within: context.harness.patience)
                    switch try require(outcome, "a look-up did not end after a cancellation") {
                    case .success:
                        continue
                    case .failure(let error as CacheError):
                        try expect(
                            error.code == .cancelled || error.code == .unavailable,
                            "a cancelled look-up failed with \(error)")
                    case .failure(let error):
                        throw error
                    }
                }
                let number = round % 16
                try await context.expectValue("value of \(number)", at: keys[number], "after a cancellation")
            }
        },
        CacheTierCase("cancelled writes are done or not done, and nothing between", .cancellation) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "start")])
            for round in 0..<context.amount(100, atLeast: 10) {
                let before = try require(try await context.look(key), "an entry is absent that nobody removes").value
                let after = Array("value \(round)".utf8)
                let task = context.start { try await context.tier.set([CacheWrite(key, after)]) }
                for _ in 0..<round % 4 { await Task.yield() }
                task.cancel()
                let outcome = try require(
                    await task.outcome(within: context.harness.patience), "a set did not end after a cancellation")
                let found = try require(try await context.look(key, on: context.other), "the entry is absent").value
                switch outcome {
                case .success:
                    try expect(found == after, "a set that returned left \(String(decoding: found, as: UTF8.self))")
                case .failure(let error):
                    let code = (error as? CacheError)?.code
                    try expect(code == .cancelled || code == .unavailable, "a cancelled set failed with \(error)")
                    try expect(
                        found == before || found == after,
                        "a cancelled set left \(String(decoding: found, as: UTF8.self))")
                }
                try await context.settle(key, "settled \(round)")
            }
        },
    ]

    static let closingCases: [CacheTierCase] = [
        CacheTierCase("calls after the end are refused, and other clients go on", .closing) { context in
            let key = try context.key()
            let client = try await context.makeTier()
            try await client.set([CacheWrite(key, text: "v")])
            let version = try require(try await context.look(key, on: client), "what was stored is absent").version
            await client.close()
            await client.close()
            try await context.expectRefusal(.closed, what: "a look-up after the end") {
                _ = try await client.get([key])
            }
            try await context.expectRefusal(.closed, what: "a set after the end") {
                try await client.set([CacheWrite(key, text: "w")])
            }
            try await context.expectRefusal(.closed, what: "a removal after the end") {
                _ = try await client.delete([key])
            }
            try await context.expectRefusal(.closed, what: "a comparison after the end") {
                _ = try await client.compareAndSet(CacheWrite(key, text: "w"), expecting: version)
            }
            try await context.expectRefusal(.closed, what: "a removal by comparison after the end") {
                _ = try await client.compareAndDelete(key, expecting: version)
            }
            try await context.expectValue("v", at: key, "after another client was closed")
        },
        CacheTierCase("a client that was never used can be closed", .closing) { context in
            let client = try await context.makeTier()
            await client.close()
            let key = try context.key()
            try await context.expectRefusal(.closed, what: "a look-up after the end") {
                _ = try await client.get([key])
            }
        },
        CacheTierCase("calls that are under way end when the client is closed", .closing) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "v")])
            for round in 0..<context.amount(20, atLeast: 3) {
                let client = try await context.makeTier()
                let tasks = (0..<16).map { _ in
                    context.start {
                        try await context.expectValue("v", at: key, on: client, "while the client is closed")
                    }
                }
                for _ in 0..<round { await Task.yield() }
                await client.close()
                for task in tasks {
                    let outcome = await task.outcome(within: context.harness.patience)
                    switch try require(outcome, "a look-up did not end when its client was closed") {
                    case .success:
                        continue
                    case .failure(let error as CacheError):
                        try expect(
                            error.code == .closed || error.code == .unavailable,
                            "a look-up under way failed with \(error)")
                    case .failure(let error):
                        throw error
                    }
                }
            }
        },
    ]
}

extension CacheTierCaseContext {
    /// Writes until the value stays: a write that was given up may still be on its way to the store.
    func settle(_ key: CacheKey, _ text: String) async throws {
        try await self.eventually("a value stays after a cancelled write") {
            try await self.tier.set([CacheWrite(key, text: text)])
            return try await self.look(key, on: self.other)?.value == Array(text.utf8)
        }
    }

    /// Adds one to a number by comparison, as often as it takes.
    func increment(_ key: CacheKey, on client: any CacheTier) async throws {
        var present = try require(try await self.look(key, on: client), "the number is absent")
        while true {
            let number = try require(Int(String(decoding: present.value, as: UTF8.self)), "\(present) is no number")
            switch try await client.compareAndSet(
                CacheWrite(key, text: "\(number + 1)"), expecting: present.version)
            {
            case .stored: return
            case .conflict(let found): present = try require(found, "the number has gone")
            }
        }
    }
}
