import ColonyCoordination
import ColonyCore

extension PermitConformance {
    static let claimCases: [PermitCase] = [
        PermitCase("claims are granted in the order in which they came", .claims) { context in
            let name = try context.name()
            var lease = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let requests = try (0...4).map {
                try context.request(1, of: name, limit: 1, as: $0, claim: context.ample)
            }
            for number in 1...4 {
                try await context.refusal(
                    requests[number], on: number.isMultiple(of: 2) ? context.engine : context.other)
                try await context.expectClaims(of: name, Array(1...number), "after claim \(number)")
            }
            for number in 1...4 {
                try await context.giveBack(lease)
                for later in stride(from: 4, to: number, by: -1) {
                    try await context.refusal(
                        requests[later], on: later.isMultiple(of: 2) ? context.other : context.engine)
                }
                lease = try await context.take(requests[number], on: context.other)
                try await context.expectClaims(of: name, Array(number + 1..<5), "after the turn of claim \(number)")
            }
        },
        PermitCase("a claim holds up those who come later, however few they ask for", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(2, of: name, limit: 3, as: 0))
            try await context.refusal(try context.request(3, of: name, limit: 3, as: 1, claim: context.ample))
            for engine in [context.engine, context.other] {
                let refusal = try await context.refusal(try context.request(1, of: name, limit: 3, as: 2), on: engine)
                try expect(refusal.available == 1, "nobody holds 1 permit, and \(refusal.available) are available")
                try await context.refusal(
                    try context.request(1, of: name, limit: 3, as: 3, claim: context.ample), on: engine)
            }
            try await context.expectClaims(of: name, [1, 3], "after two claims and a request without")
            try await context.giveBack(held)
            try await context.refusal(try context.request(1, of: name, limit: 3, as: 3, claim: context.ample))
            let all = try await context.take(
                try context.request(3, of: name, limit: 3, as: 1, claim: context.ample), on: context.other)
            try await context.giveBack(all)
            try await context.take(try context.request(1, of: name, limit: 3, as: 3, claim: context.ample))
            try await context.take(try context.request(2, of: name, limit: 3, as: 2))
        },
        PermitCase("a refusal because of a claim names who is before", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(2, of: name, limit: 3, as: 0))
            try await context.refusal(try context.request(2, of: name, limit: 3, as: 1, claim: context.ample))
            let refusal = try await context.refusal(try context.request(1, of: name, limit: 3, as: 2))
            let known = [held.owner, try context.owner(1)]
            try expect(known.contains(refusal.holder.owner), "\(known) are before, and \(refusal.holder) is named")
            try expect(refusal.holder.remaining > .zero, "\(refusal.holder) is named, and has no time left")
        },
        PermitCase("a repeated claim keeps its place", .claims) { context in
            let name = try context.name()
            let lease = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            for number in [1, 2, 3, 1, 2, 1] {
                for engine in [context.other, context.engine] {
                    try await context.refusal(
                        try context.request(1, of: name, limit: 1, as: number, claim: context.ample), on: engine)
                }
            }
            try await context.expectClaims(of: name, [1, 2, 3], "after repeats")
            try await context.giveBack(lease)
            try await context.refusal(try context.request(1, of: name, limit: 1, as: 2, claim: context.ample))
            try await context.take(try context.request(1, of: name, limit: 1, as: 1, claim: context.ample))
        },
        PermitCase("a refused request without a claim holds up nobody", .claims) { context in
            let name = try context.name()
            try await context.take(try context.request(2, of: name, limit: 3, as: 0))
            for engine in [context.engine, context.other] {
                try await context.refusal(try context.request(3, of: name, limit: 3, as: 1), on: engine)
            }
            try await context.expectClaims(of: name, [], "after refused requests without a claim")
            try await context.take(try context.request(1, of: name, limit: 3, as: 2), on: context.other)
        },
        PermitCase("claims do not hold up who holds already", .claims) { context in
            let name = try context.name()
            let request = try context.request(1, of: name, limit: 2, as: 0, claim: context.ample)
            let lease = try await context.take(request)
            try await context.refusal(try context.request(2, of: name, limit: 2, as: 1, claim: context.ample))
            let again = try await context.take(request, on: context.other)
            try expect(again.token == lease.token, "a repeat changed token \(lease.token) to \(again.token)")
            try expect(
                try await context.other.renewPermits(lease, for: context.ample) != nil,
                "a claim held up a renewal")
            try await context.expectClaims(of: name, [1], "after a repeat by the holder")
        },
        PermitCase("several claims are granted beside each other, but each after those before it", .claims) {
            context in
            let name = try context.name()
            let lease = try await context.take(try context.request(3, of: name, limit: 3, as: 0))
            let requests = try (1...4).map { try context.request(1, of: name, limit: 3, as: $0, claim: context.ample) }
            for request in requests { try await context.refusal(request) }
            try await context.giveBack(lease)
            for index in 0..<3 {
                for later in requests[(index + 1)...].reversed() { try await context.refusal(later) }
                try await context.take(requests[index], on: index.isMultiple(of: 2) ? context.engine : context.other)
            }
            try await context.refusal(requests[3])
            try await context.expectClaims(of: name, [4], "after three of four turns")
            let held = try await context.other.inspectPermits(name).held
            try expect(held == 3, "3 claims were granted, and \(held) permits are held")
        },
    ]

    static let claimEndCases: [PermitCase] = [
        PermitCase("a claim ends with the grant", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let request = try context.request(1, of: name, limit: 1, as: 1, claim: context.ample)
            try await context.refusal(request)
            try await context.giveBack(held)
            let lease = try await context.take(request, on: context.other)
            try await context.expectClaims(of: name, [], "after the grant")
            try await context.giveBack(lease)
            try await context.take(try context.request(1, of: name, limit: 1, as: 2))
        },
        PermitCase("a claim ends with a return by its owner, which is no end of a grant", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            for number in 1...2 {
                try await context.refusal(
                    try context.request(1, of: name, limit: 1, as: number, claim: context.ample))
            }
            try expect(
                try await !context.other.returnPermits(name, owner: try context.owner(1), token: nil),
                "a return of a claim said that it ended a grant")
            try await context.expectClaims(of: name, [2], "after the return of the first claim")
            try await context.expectHolders(of: name, [held], "after the return of a claim")
            try await context.giveBack(held)
            try await context.take(try context.request(1, of: name, limit: 1, as: 2, claim: context.ample))
        },
        PermitCase("a return by another owner leaves the claims", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            try await context.refusal(try context.request(1, of: name, limit: 1, as: 1, claim: context.ample))
            _ = try await context.other.returnPermits(name, owner: try context.owner(2), token: nil)
            try await context.expectClaims(of: name, [1], "after a return by another owner")
            try await context.giveBack(held)
            try await context.expectClaims(of: name, [1], "after a return by the holder")
            try await context.refusal(try context.request(1, of: name, limit: 1, as: 2))
        },
        PermitCase("a claim that is not repeated ends after its time, and not earlier", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let claim = context.scaled(.seconds(10))
            let before = context.now
            try await context.refusal(try context.request(1, of: name, limit: 1, as: 1, claim: claim))
            try await context.giveBack(held)
            let next = try await context.takeEventually(
                try context.request(1, of: name, limit: 1, as: 2), upTo: .seconds(20), on: context.other)
            try expect(
                next.at >= before.advanced(by: claim),
                "a claim of \(claim.text) was passed over after \(before.duration(to: next.at).text)")
            try await context.expectClaims(of: name, [], "after a claim had run out")
        },
        PermitCase("any number of waiters that died delay others by one claim at the most", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let claim = context.scaled(.seconds(10))
            for number in 1...5 {
                try await context.refusal(try context.request(1, of: name, limit: 1, as: number, claim: claim))
            }
            let live = try context.request(1, of: name, limit: 1, as: 9, claim: context.ample)
            try await context.refusal(live, on: context.other)
            try await context.giveBack(held)
            _ = try await context.takeEventually(live, upTo: .seconds(11), on: context.other)
            try await context.expectClaims(of: name, [], "after the claims of the dead had run out")
        },
        PermitCase("a claim that is repeated in time stays for as long again", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            let claim = context.scaled(.seconds(20))
            let request = try context.request(1, of: name, limit: 1, as: 1, claim: claim)
            var last = context.now
            try await context.refusal(request)
            try await context.refusal(try context.request(1, of: name, limit: 1, as: 2, claim: context.ample))
            for _ in 1...4 {
                try await context.pass(.seconds(6))
                let asked = context.now
                if last.duration(to: asked) >= claim {
                    throw Inconclusive("the claim ran out before it could be repeated")
                }
                try await context.refusal(request, on: context.other)
                // The claim may have run out between the look at the clock and the engine's.
                if last.duration(to: context.now) >= claim {
                    throw Inconclusive("the claim ran out before it could be repeated")
                }
                last = asked
            }
            let order = try await context.engine.inspectPermits(name).claims.map(\.owner)
            if last.duration(to: context.now) >= claim { throw Inconclusive("the claim may have run out") }
            try expect(
                order == [try context.owner(1), try context.owner(2)], "a repeated claim lost its place: \(order)")
            try await context.giveBack(held)
        },
        PermitCase("a claim that has run out has lost its place", .claims) { context in
            let name = try context.name()
            let held = try await context.take(try context.request(1, of: name, limit: 1, as: 0))
            try await context.refusal(
                try context.request(1, of: name, limit: 1, as: 1, claim: context.scaled(.seconds(5))))
            try await context.refusal(try context.request(1, of: name, limit: 1, as: 2, claim: context.ample))
            try await context.pass(.seconds(6))
            try await context.refusal(
                try context.request(1, of: name, limit: 1, as: 1, claim: context.ample), on: context.other)
            try await context.expectClaims(of: name, [2, 1], "after the first claim had run out and was made again")
            try await context.giveBack(held)
        },
    ]
}
