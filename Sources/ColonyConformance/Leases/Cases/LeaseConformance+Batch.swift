import ColonyCore

extension LeaseConformance {
    static let batchCases: [LeaseCase] = [
        LeaseCase(
            "a batch renews what is held and tells what is over, in order", .batchRenewal, requires: [.batchRenewal]
        ) {
            context in
            let engine = try context.batch(context.other)
            var leases: [Lease] = []
            for number in 0..<30 {
                leases.append(
                    try await context.grant(try context.name("job-\(number)"), to: number, for: context.ample))
            }
            for lease in leases where lease.token.rawValue % 3 == 0 {
                _ = try await context.engine.release(lease.name, owner: lease.owner, token: lease.token)
            }
            let answers = try await engine.renew(Array(leases.reversed()))
            try expect(answers.count == 30, "30 leases were to be renewed, and \(answers.count) answers came")
            for (lease, answer) in zip(leases.reversed(), answers) {
                if lease.token.rawValue % 3 == 0 {
                    try expect(answer == nil, "\(lease.name) was released, and renewed in a batch")
                } else {
                    try expect(
                        answer?.name == lease.name && answer?.token == lease.token && answer?.owner == lease.owner,
                        "the renewal of \(lease) gave \(String(describing: answer))")
                    let record = try await context.engine.inspect(lease.name)
                    try expect(record?.renewals == 1, "\(lease.name) was renewed once: \(String(describing: record))")
                }
            }
        },
        LeaseCase("a batch renews each lease for its own duration", .batchRenewal, requires: [.batchRenewal]) {
            context in
            let engine = try context.batch(context.engine)
            var leases: [Lease] = []
            for number in 1...3 {
                let duration = context.ample * number
                leases.append(try await context.grant(try context.name("job-\(number)"), to: number, for: duration))
            }
            try await context.pass(.seconds(2))
            let before = context.now
            for (lease, answer) in zip(leases, try await engine.renew(leases)) {
                let renewed = try require(answer, "\(lease.name) is held and was not renewed")
                try expect(
                    renewed.expiry >= before.advanced(by: lease.duration)
                        && renewed.expiry <= context.now.advanced(by: lease.duration),
                    "\(lease.name) was renewed at \(before) for \(lease.duration) and ends at \(renewed.expiry)")
            }
        },
        LeaseCase("an empty batch is no request", .batchRenewal, requires: [.batchRenewal]) { context in
            let answers = try await context.batch(context.engine).renew([])
            try expect(answers.isEmpty, "an empty batch gave \(answers.count) answers")
        },
        LeaseCase(
            "a batch of more than 1,000 leases is refused and renews nothing", .batchRenewal, requires: [.batchRenewal]
        ) {
            context in
            let engine = try context.batch(context.engine)
            let lease = try await context.grant(try context.name(), to: 1, for: context.ample)
            try await context.expectRefusal(.invalidRequest, "a batch of \(LeaseLimits.batch + 1)") {
                _ = try await engine.renew(Array(repeating: lease, count: LeaseLimits.batch + 1))
            }
            let record = try require(try await context.engine.inspect(lease.name), "a held name has a record")
            try expect(record.renewals == 0, "a refused batch renewed")
        },
        LeaseCase("a batch of 1,000 leases is renewed", .batchRenewal, requires: [.batchRenewal]) { context in
            let engine = try context.batch(context.engine)
            let held = context.amount(1_000, atLeast: 50)
            let leases = try await withThrowingTaskGroup(of: Lease.self) { group in
                for number in 0..<held {
                    let name = try context.name("job-\(number)")
                    group.addTask { try await context.grant(name, to: number, for: context.ample) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // Where the effort allows fewer leases, some stand in the batch several times, which is as legal.
            let batch = (0..<LeaseLimits.batch).map { leases[$0 % leases.count] }
            let answers = try await engine.renew(batch)
            try expect(answers.count == batch.count, "\(batch.count) leases gave \(answers.count) answers")
            for (lease, answer) in zip(batch, answers) {
                try expect(answer?.name == lease.name && answer?.token == lease.token, "\(lease.name) was not renewed")
            }
        },
        LeaseCase("a batch does not renew what another owner took over", .batchRenewal, requires: [.batchRenewal]) {
            context in
            let engine = try context.batch(context.engine)
            let name = try context.name()
            let old = try await context.grant(name, to: 1, for: context.scaled(.seconds(5)))
            let (new, _) = try await context.grantEventually(
                name, to: 2, for: context.ample, upTo: .seconds(20), on: context.other)
            let answers = try await engine.renew([
                Lease(name: name, owner: old.owner, token: old.token, duration: context.ample, expiry: old.expiry), new,
            ])
            try expect(answers.count == 2, "2 leases gave \(answers.count) answers")
            try expect(answers[0] == nil, "a lease was renewed in a batch after a takeover")
            try expect(answers[1]?.token == new.token, "the present holder was not renewed in a batch")
        },
    ]
}
