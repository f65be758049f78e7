/// Why a body cannot be read on. What was handed on cannot be taken back: the connection on both sides is closed.
package enum BodyDefect: UInt8, Hashable, Sendable, CaseIterable {
    case invalidChunkSize, chunkTooLarge, controlInExtension, extensionTooLong, missingLineEndAfterData
    case bareCarriageReturn, bareLineFeed, invalidTrailer, forbiddenTrailer, trailersTooLarge, bodyTooLarge

    /// The status of the answer to a request with this defect, if no answer has begun: 400, 413 or 431.
    package var status: UInt16 {
        switch self {
        case .bodyTooLarge: 413
        case .trailersTooLarge: 431
        default: 400
        }
    }

    /// A few words for the log and for the body of the answer.
    package var reason: StaticString {
        switch self {
        case .invalidChunkSize: "the size of a chunk is not hexadecimal"
        case .chunkTooLarge: "the size of a chunk is too large"
        case .controlInExtension: "a control character in a chunk extension"
        case .extensionTooLong: "chunk extensions are too long"
        case .missingLineEndAfterData: "no line end behind the data of a chunk"
        case .bareCarriageReturn: "a carriage return without a line feed"
        case .bareLineFeed: "a line feed without a carriage return"
        case .invalidTrailer: "a trailer field is not valid"
        case .forbiddenTrailer: "a field that must not be a trailer"
        case .trailersTooLarge: "the trailer section is too large"
        case .bodyTooLarge: "the body is too large"
        }
    }
}

/// How far a body has come.
package enum BodyState: Hashable, Sendable {
    case needMore
    /// The body has ended; bytes behind what was used belong to the next message.
    case complete
    case failed(BodyDefect)
}
