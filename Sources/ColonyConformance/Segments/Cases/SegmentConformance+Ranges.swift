import ColonyIdentifiers

extension SegmentConformance {
    static let rangeCases: [SegmentCase] = [
        SegmentCase("the first number of a tag is one", .floor) { context in
            let range = try await context.take(try context.tag(), 10)
            try expect(range == 1..<11, "the first ten numbers are 1..<11, and \(range) was given")
        },
        SegmentCase("each range begins where the one before has ended", .disjointness) { context in
            let tag = try context.tag()
            var end: Int64 = 1
            for count in [1, 7, 1, 1_000, 3] as [Int64] {
                for engine in [context.engine, context.other] {
                    let range = try await context.take(tag, count, on: engine)
                    try expect(range.lowerBound == end, "\(range) was given, and the range before ended at \(end)")
                    end = range.upperBound
                }
            }
        },
        SegmentCase("tags have numbers of their own", .disjointness) { context in
            _ = try await context.take(try context.tag("orders"), 100)
            let range = try await context.take(try context.tag("users"), 5)
            try expect(range == 1..<6, "a new tag begins at 1, and \(range) was given")
        },
        SegmentCase("tags are told apart by their bytes", .disjointness) { context in
            for text in ["caf\u{E9}", "cafe\u{301}", "CAFE", "cafe", "cafe "] {
                let range = try await context.take(try context.tag(text), 2)
                try expect(range == 1..<3, "\(text.debugDescription) is a tag of its own, and \(range) was given")
            }
        },
        SegmentCase("a range lies above the floor, and the next one above that range", .floor) { context in
            let tag = try context.tag()
            let high = try await context.take(tag, 5, above: 1_000_000)
            try expect(high == 1_000_001..<1_000_006, "above 1000000 comes 1000001..<1000006, and \(high) was given")
            let next = try await context.take(tag, 5, on: context.other)
            try expect(next == 1_000_006..<1_000_011, "after \(high) came \(next)")
        },
        SegmentCase("a floor below what is taken changes nothing", .floor) { context in
            let tag = try context.tag()
            _ = try await context.take(tag, 100)
            for floor in [0, 1, 50, 99] as [Int64] {
                let before = try await context.engine.inspect(tag)?.next ?? 0
                let range = try await context.take(tag, 3, above: floor)
                try expect(range.lowerBound == before, "\(range) was given, and \(before) came next")
            }
            let edge = try await context.engine.inspect(tag)?.next ?? 0
            let range = try await context.take(tag, 3, above: edge - 1)
            try expect(range.lowerBound == edge, "above \(edge - 1) comes \(edge), and \(range) was given")
            let skipped = try await context.take(tag, 3, above: range.upperBound)
            try expect(
                skipped.lowerBound == range.upperBound + 1,
                "above \(range.upperBound) comes \(range.upperBound + 1), and \(skipped) was given")
        },
        SegmentCase("what was given stays given when the store is opened anew", .survival) { context in
            let tag = try context.tag()
            let before = try await context.take(tag, 500, above: 40, scheme: "layout")
            let reopened = try await context.harness.reopen()
            let record = try require(try await reopened.inspect(tag), "the tag is gone")
            try expect(
                record == SegmentRecord(tag: tag, next: before.upperBound, segments: 1, scheme: "layout"),
                "after \(before) the store says \(record)")
            let after = try await context.take(tag, 5, scheme: "layout", on: reopened)
            try expect(after.lowerBound == before.upperBound, "after \(before) came \(after)")
        },
    ]
}
