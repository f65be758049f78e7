import ColonyIdentifiers

extension SegmentConformance {
    static let contentionCases: [SegmentCase] = [
        SegmentCase("ranges that are asked for at once are disjoint and leave no gap", .disjointness) { context in
            let tag = try context.tag()
            let rounds = context.amount(100, atLeast: 5)
            let ranges = try await withThrowingTaskGroup(of: [Range<Int64>].self) { group in
                for task in 0..<16 {
                    let engine = task.isMultiple(of: 2) ? context.engine : context.other
                    group.addTask {
                        var ranges: [Range<Int64>] = []
                        for round in 0..<rounds {
                            ranges.append(try await context.take(tag, Int64(1 + (task + round) % 9), on: engine))
                        }
                        for (earlier, later) in zip(ranges, ranges.dropFirst()) {
                            try expect(later.lowerBound >= earlier.upperBound, "\(later) was given after \(earlier)")
                        }
                        return ranges
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            var end: Int64 = 1
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                try expect(range.lowerBound == end, "\(range) was given, and the range before it ended at \(end)")
                end = range.upperBound
            }
            let record = try require(try await context.engine.inspect(tag), "the tag has no record")
            try expect(
                record.next == end && record.segments == Int64(ranges.count),
                "\(ranges.count) ranges up to \(end) were given, and the record says \(record)")
        },
        SegmentCase("of two schemes that meet at a new tag one wins", .scheme) { context in
            for round in 1...context.amount(50, atLeast: 5) {
                let tag = try context.tag("orders-\(round)")
                let outcomes = await withTaskGroup(of: Bool.self) { group in
                    for task in 0..<8 {
                        let engine = task.isMultiple(of: 2) ? context.engine : context.other
                        group.addTask {
                            let request = SegmentRequest(tag, count: 5, scheme: "scheme-\(task)")
                            return (try? await engine.takeSegment(request)) != nil
                        }
                    }
                    return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                try expect(outcomes == 1, "\(outcomes) of 8 schemes were accepted for one tag")
            }
        },
        SegmentCase("cancelled requests lose ranges at worst and repeat none", .cancellation) { context in
            let tag = try context.tag()
            var ranges: [Range<Int64>] = []
            for round in 0..<context.amount(200, atLeast: 10) {
                let tasks = (0..<4).map { task in
                    Task {
                        try await (task.isMultiple(of: 2) ? context.engine : context.other)
                            .takeSegment(SegmentRequest(tag, count: 3)).range
                    }
                }
                for _ in 0..<round % 5 { await Task.yield() }
                tasks[0].cancel()
                tasks[round % 4].cancel()
                for task in tasks {
                    switch await task.result {
                    case .success(let range):
                        ranges.append(range)
                    case .failure(let error):
                        let code = (error as? IdentifierError)?.code
                        try expect(
                            code == .cancelled || code == .unavailable, "a cancelled request failed with \(error)")
                    }
                }
                ranges.append(try await context.take(tag, 3))
            }
            ranges.sort { $0.lowerBound < $1.lowerBound }
            for (earlier, later) in zip(ranges, ranges.dropFirst()) {
                try expect(later.lowerBound >= earlier.upperBound, "\(earlier) and \(later) were both given")
            }
        },
    ]
}
