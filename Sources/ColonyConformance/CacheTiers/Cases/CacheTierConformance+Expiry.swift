import ColonyCaches
import ColonyCore

extension CacheTierConformance {
    static let expiryCases: [CacheTierCase] = [
        CacheTierCase("an entry ends when its time is over", .expiry) { context in
            let (short, long) = (try context.key("short"), try context.key("long"))
            try await context.tier.set([
                CacheWrite(short, text: "s", timeToLive: context.scaled(.seconds(10))),
                CacheWrite(long, text: "l", timeToLive: .seconds(3_600)),
            ])
            try await context.outlive(.seconds(10))
            try await context.expectValue(nil, at: short, on: context.other, "after its time")
            try await context.expectValue("l", at: long, on: context.other, "long before its end")
        },
        CacheTierCase("an entry does not end before its time is over", .expiry) { context in
            let key = try context.key()
            let timeToLive = context.scaled(.seconds(10))
            for round in 0..<3 {
                let start = context.now
                try await context.tier.set([CacheWrite(key, text: "\(round)", timeToLive: timeToLive)])
                for _ in 0..<9 {
                    try await context.harness.advance(by: timeToLive / 10)
                    let found = try await context.look(key)
                    let age = start.duration(to: context.now)
                    // The store counts from a moment later than `start`, so an entry this old has to be there still; less
                    // one tick, because a server whose clock is late may skip one.
                    if age + context.harness.resolution < timeToLive {
                        try expect(found != nil, "an entry for \(timeToLive.text) was gone after \(age.text)")
                    }
                }
            }
        },
        CacheTierCase("an entry that ends is not counted when it is removed", .expiry) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "v", timeToLive: context.scaled(.seconds(5)))])
            try await context.outlive(.seconds(5))
            let count = try await context.other.delete([key])
            try expect(count == 0, "the entry was over, and \(count) keys were removed")
        },
        CacheTierCase("a replaced entry's time begins anew", .expiry) { context in
            let (longer, endless) = (try context.key("longer"), try context.key("endless"))
            let short = context.scaled(.seconds(5))
            for key in [longer, endless] {
                try await context.tier.set([CacheWrite(key, text: "1", timeToLive: short)])
            }
            try await context.tier.set([
                CacheWrite(longer, text: "2", timeToLive: .seconds(3_600)), CacheWrite(endless, text: "2"),
            ])
            try await context.outlive(.seconds(5))
            try await context.expectValue("2", at: longer, "after the time of the value before")
            try await context.expectValue("2", at: endless, "after the time of the value before")
            try await context.tier.set([CacheWrite(endless, text: "3", timeToLive: short)])
            try await context.outlive(.seconds(5))
            try await context.expectValue(nil, at: endless, "after its new time")
        },
        CacheTierCase("the entries of one call have each their own time", .expiry) { context in
            let keys = try (0..<4).map { try context.key("item-\($0)") }
            let short = context.scaled(.seconds(5))
            try await context.tier.set([
                CacheWrite(keys[0], text: "v"), CacheWrite(keys[1], text: "v", timeToLive: short),
                CacheWrite(keys[2], text: "v", timeToLive: .seconds(3_600)),
                CacheWrite(keys[3], text: "v", timeToLive: short),
            ])
            try await context.outlive(.seconds(5))
            let found = try await context.tier.get(keys).map { $0 != nil }
            try expect(
                found == [true, false, true, false], "after the time of the second and fourth there is \(found)")
        },
        CacheTierCase("a comparison that stores an entry gives it its time", .expiry) { context in
            let (timed, endless) = (try context.key("timed"), try context.key("endless"))
            let short = context.scaled(.seconds(5))
            _ = try await context.tier.compareAndSet(CacheWrite(timed, text: "v", timeToLive: short), expecting: nil)
            try await context.tier.set([CacheWrite(endless, text: "1", timeToLive: short)])
            if let present = try await context.look(endless) {
                _ = try await context.tier.compareAndSet(CacheWrite(endless, text: "2"), expecting: present.version)
            } else {
                throw Inconclusive("the entry ended before it could be replaced")
            }
            try await context.outlive(.seconds(5))
            try await context.expectValue(nil, at: timed, "after its time")
            guard try await context.look(endless) != nil else {
                throw Inconclusive("the entry may have ended before it was replaced")
            }
        },
        CacheTierCase("the time that is left is told truly, or not at all", .expiry) { context in
            let (timed, endless) = (try context.key("timed"), try context.key("endless"))
            let asked = Duration.seconds(1_000)
            let start = context.now
            try await context.tier.set([
                CacheWrite(timed, text: "v", timeToLive: asked), CacheWrite(endless, text: "v"),
            ])
            try await context.pass(.seconds(10))
            let answers = try await context.other.get([timed, endless])
            let age = start.duration(to: context.now)
            try expect(
                answers[1] != nil && answers[1]?.timeToLive == nil,
                "an entry without an end is told as \(String(describing: answers[1]))")
            guard let left = try require(answers[0], "an entry for \(asked.text) was gone at once").timeToLive else {
                return
            }
            let slack = context.harness.resolution + .milliseconds(2)
            try expect(
                left >= asked - age - slack && left <= asked + slack
                    && (age < .seconds(2) || left < asked + slack - age / 2),
                "\(age.text) after an entry was stored for \(asked.text) it has \(left.text) left")
        },
        CacheTierCase("a time to live that is not above zero is refused, and nothing is done", .expiry) { context in
            let (key, neighbour) = (try context.key("a"), try context.key("b"))
            try await context.tier.set([CacheWrite(key, text: "before")])
            let version = try require(try await context.look(key), "what was stored is absent").version
            for bad in [Duration.zero, .nanoseconds(-1), .seconds(-10)] {
                try await context.expectRefusal(.invalidRequest, what: "a time to live of \(bad)") {
                    try await context.tier.set([
                        CacheWrite(neighbour, text: "n"), CacheWrite(key, text: "after", timeToLive: bad),
                    ])
                }
                try await context.expectRefusal(.invalidRequest, what: "a time to live of \(bad)") {
                    _ = try await context.tier.compareAndSet(
                        CacheWrite(key, text: "after", timeToLive: bad), expecting: version)
                }
            }
            try await context.expectValue("before", at: key, "after calls that were refused")
            try await context.expectValue(nil, at: neighbour, "after calls that were refused")
        },
        CacheTierCase("a tiny time to live is one, and a huge one too", .expiry) { context in
            let tiny = try context.key("tiny")
            try await context.tier.set([CacheWrite(tiny, text: "v", timeToLive: .nanoseconds(1))])
            try await context.outlive(.milliseconds(1))
            try await context.eventually("an entry for a nanosecond ends") { try await context.look(tiny) == nil }
            // Thirty days is where Memcached begins to read a number as a date.
            for days in [29, 31, 365, 36_500] {
                let key = try context.key("days-\(days)")
                try await context.tier.set([CacheWrite(key, text: "v", timeToLive: .seconds(86_400 * days))])
                try await context.expectValue("v", at: key, "stored for \(days) days")
            }
        },
    ]
}
