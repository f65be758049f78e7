import ColonyCore

/// What every engine decides alike: which requests are legal, and which range follows from what is known of a tag.
///
/// An engine reads the record, asks here, and writes the new record, in one atomic step of its store. An engine whose
/// store decides by itself, such as by a script on a server, must decide the same; the conformance suite compares.
extension SegmentRequest {
    /// Refuses a request that no engine carries out, with an error that quotes the value.
    ///
    /// - Throws: ``IdentifierError`` with `invalidRequest` for a count outside ``SegmentLimits/count``, a floor below
    ///   zero, and a scheme that is too long or has control characters.
    /// - Complexity: O(*n*) in the length of the scheme.
    public func check() throws(IdentifierError) {
        guard SegmentLimits.count.contains(self.count) else {
            throw IdentifierError(
                .invalidRequest,
                "a range of \(self.count) numbers is not possible: it has from \(SegmentLimits.count.lowerBound) to "
                    + "\(SegmentLimits.count.upperBound)")
        }
        guard self.floor >= 0 else {
            throw IdentifierError(
                .invalidRequest, "a range above \(self.floor) is not possible: numbers are above 0")
        }
        // An empty scheme is a scheme as any other; names alone may not be empty.
        if let scheme, !scheme.isEmpty, let defect = NameRules.defect(in: scheme) {
            throw IdentifierError(
                .invalidRequest, "\(NameRules.quoted(scheme)) cannot be a scheme: \(defect)")
        }
    }

    /// The range that the request is given, and what the store knows of the tag from then on.
    ///
    /// - Parameter record: What the store knows of the tag now; `nil` if it has never heard of it.
    /// - Precondition: The request was checked, and the record is of the same tag.
    /// - Throws: ``IdentifierError`` with `schemeMismatch` or `segmentsExhausted`; the record then stays as it is.
    /// - Complexity: O(*n*) in the length of the scheme.
    public func decided(
        from record: SegmentRecord?
    ) throws(IdentifierError) -> (segment: Segment, record: SegmentRecord) {
        if let record {
            precondition(record.tag == self.tag, "a request for \(self.tag) meets the record of \(record.tag)")
            guard Self.isSame(record.scheme, self.scheme) else {
                throw IdentifierError(
                    .schemeMismatch,
                    "the numbers of \(NameRules.quoted(self.tag.rawValue)) are used as \(Self.text(record.scheme)), "
                        + "and were asked for as \(Self.text(self.scheme)); use another tag, or another namespace, for another scheme"
                )
            }
        }
        let (aboveFloor, floorIsLast) = self.floor.addingReportingOverflow(1)
        let start = max(record?.next ?? 1, aboveFloor)
        let (end, isBeyond) = start.addingReportingOverflow(self.count)
        guard !floorIsLast, !isBeyond else {
            throw IdentifierError(
                .segmentsExhausted,
                "\(NameRules.quoted(self.tag.rawValue)) has fewer than \(self.count) numbers left above "
                    + "\(max((record?.next ?? 1) - 1, self.floor)): \(SegmentLimits.largest) is the largest")
        }
        return (
            Segment(tag: self.tag, range: start..<end),
            SegmentRecord(tag: self.tag, next: end, segments: (record?.segments ?? 0) + 1, scheme: self.scheme)
        )
    }

    /// Compares bytes, as stores do; `String` takes two spellings of one character for equal.
    private static func isSame(_ first: String?, _ second: String?) -> Bool {
        switch (first, second) {
        case (nil, nil): true
        case (let first?, let second?): first.utf8.elementsEqual(second.utf8)
        default: false
        }
    }

    private static func text(_ scheme: String?) -> String {
        scheme.map { NameRules.quoted($0) } ?? "plain numbers without a scheme"
    }
}

extension SegmentLimits {
    /// Refuses a page outside 1 to ``page`` with an error that quotes it.
    public static func check(page limit: Int) throws(IdentifierError) {
        guard (1...Self.page).contains(limit) else {
            throw IdentifierError(
                .invalidRequest, "a page of \(limit) tags is not possible: it has from 1 to \(Self.page)")
        }
    }
}
