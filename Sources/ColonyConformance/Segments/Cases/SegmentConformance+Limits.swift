import ColonyIdentifiers

extension SegmentConformance {
    static let schemeCases: [SegmentCase] = [
        SegmentCase("a request under another scheme is refused and changes nothing", .scheme) { context in
            // Two spellings of one character are two schemes: stores compare bytes.
            let schemes: [String?] = [nil, "", "a", "A", "a ", "caf\u{E9}", "cafe\u{301}"]
            for (number, scheme) in schemes.enumerated() {
                let tag = try context.tag("orders-\(number)")
                _ = try await context.take(tag, 10, scheme: scheme)
                for (otherNumber, other) in schemes.enumerated() where otherNumber != number {
                    try await context.expectRefusal(
                        .schemeMismatch, SegmentRequest(tag, count: 10, above: 10_000, scheme: other))
                }
                let range = try await context.take(tag, 10, scheme: scheme, on: context.other)
                try expect(range == 11..<21, "after refused requests 11..<21 comes next, and \(range) was given")
            }
        },
        SegmentCase("a refusal quotes both schemes", .scheme) { context in
            let tag = try context.tag()
            _ = try await context.take(tag, 10, scheme: "41/5/5/12")
            do {
                _ = try await context.engine.takeSegment(SegmentRequest(tag, count: 1, scheme: "39/8/16"))
                throw ConformanceFailure("a request under another scheme was not refused")
            } catch let error as IdentifierError {
                try expect(
                    error.message.contains("41/5/5/12") && error.message.contains("39/8/16"),
                    "the message does not quote both schemes: \(error.message)")
            }
        },
    ]

    static let limitCases: [SegmentCase] = [
        SegmentCase("impossible requests are refused and change nothing", .limits) { context in
            let tag = try context.tag()
            let longScheme = String(repeating: "s", count: SegmentLimits.schemeBytes + 1)
            let impossible = [
                SegmentRequest(tag, count: 0), SegmentRequest(tag, count: -1), SegmentRequest(tag, count: .min),
                SegmentRequest(tag, count: SegmentLimits.count.upperBound + 1), SegmentRequest(tag, count: .max),
                SegmentRequest(tag, count: 1, above: -1), SegmentRequest(tag, count: 1, above: .min),
                SegmentRequest(tag, count: 1, scheme: longScheme),
                SegmentRequest(tag, count: 1, scheme: "line\nbreak"),
            ]
            for request in impossible { try await context.expectRefusal(.invalidRequest, request) }
            _ = try await context.take(tag, 1)
            for request in impossible { try await context.expectRefusal(.invalidRequest, request) }
        },
        SegmentCase("the smallest and the largest ranges and the longest scheme are possible", .limits) { context in
            let tag = try context.tag()
            let scheme = String(repeating: "s", count: SegmentLimits.schemeBytes)
            _ = try await context.take(tag, SegmentLimits.count.lowerBound, scheme: scheme)
            _ = try await context.take(tag, SegmentLimits.count.upperBound, scheme: scheme)
        },
        SegmentCase("at the largest number a tag ends, and nothing comes around", .limits) { context in
            let tag = try context.tag()
            let largest = SegmentLimits.largest
            try await context.expectRefusal(.segmentsExhausted, SegmentRequest(tag, count: 1, above: largest))
            try await context.expectRefusal(.segmentsExhausted, SegmentRequest(tag, count: 1, above: .max))
            try await context.expectRefusal(.segmentsExhausted, SegmentRequest(tag, count: 11, above: largest - 10))
            let range = try await context.take(tag, 9, above: largest - 10)
            try await context.expectRefusal(.segmentsExhausted, SegmentRequest(tag, count: 2))
            let last = try await context.take(tag, 1)
            try expect(
                last == range.upperBound..<(largest + 1), "the last number is \(largest), and \(last) was given")
            for count in [1, 2, SegmentLimits.count.upperBound] as [Int64] {
                try await context.expectRefusal(.segmentsExhausted, SegmentRequest(tag, count: count))
            }
        },
        SegmentCase("impossible pages are refused", .limits) { context in
            for limit in [0, -1, SegmentLimits.page + 1, .max, .min] {
                do {
                    _ = try await context.engine.records(after: nil, limit: limit)
                    throw ConformanceFailure("a page of \(limit) was not refused")
                } catch let error as IdentifierError {
                    try expect(error.code == .invalidRequest, "a page of \(limit) was refused with \(error.code)")
                }
            }
            _ = try await context.engine.records(after: nil, limit: SegmentLimits.page)
        },
    ]

    static let recordCases: [SegmentCase] = [
        SegmentCase("a tag of which nothing was taken has no record", .inspection) { context in
            let tag = try context.tag()
            try expect(try await context.engine.inspect(tag) == nil, "a tag that nobody used has a record")
        },
        SegmentCase("a record shows the next number, how many ranges were taken, and the scheme", .inspection) {
            context in
            for scheme in [nil, "", "layout"] as [String?] {
                let tag = try context.tag("orders-\(scheme ?? "none")")
                for round in 1...3 as ClosedRange<Int64> {
                    _ = try await context.take(tag, 10, above: 100, scheme: scheme)
                    let expected = SegmentRecord(tag: tag, next: 101 + round * 10, segments: round, scheme: scheme)
                    let record = try await context.other.inspect(tag)
                    try expect(record == expected, "\(expected) was expected, and \(String(describing: record)) found")
                }
            }
        },
        SegmentCase("pages list every tag once, in the order of bytes", .listing) { context in
            let texts = ["b", "a", "Z", "\u{E9}", "e\u{301}", "z", "a b", "ab", "\u{1F600}", "aa"]
            let tags = try texts.map { try context.tag($0) }
            for tag in tags { _ = try await context.take(tag, 1) }
            for limit in [1, 3, 100] {
                var found: [SegmentTag] = []
                // From before the first tag of this case, so that a store in use is not read as a whole.
                var last: SegmentTag? = try SegmentTag(String(context.prefix.dropLast()))
                pages: while true {
                    let page = try await context.other.records(after: last, limit: limit)
                    try expect(page.count <= limit, "a page of \(limit) has \(page.count) tags")
                    for record in page {
                        guard record.tag.rawValue.utf8.starts(with: context.prefix.utf8) else { break pages }
                        try expect(record.next == 2 && record.segments == 1, "one number was taken: \(record)")
                        found.append(record.tag)
                    }
                    try expect(found.count <= tags.count, "pages of \(limit) list more than once: \(found)")
                    guard let end = page.last else { break }
                    last = end.tag
                }
                try expect(found == tags.sorted(), "pages of \(limit) list \(found), and not \(tags.sorted())")
            }
        },
        SegmentCase("a listing without a start begins with the first tag", .listing) { context in
            let tag = try context.tag()
            _ = try await context.take(tag, 1)
            let first = try require(
                try await context.engine.records(after: nil, limit: 1).first, "nothing is listed, and a tag was used")
            try expect(first.tag <= tag, "\(first.tag) is listed first, and \(tag) comes before it")
        },
    ]
}
