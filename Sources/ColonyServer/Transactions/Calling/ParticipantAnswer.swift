import ColonyTransactions
import Foundation
import NIOCore
import NIOHTTP1

/// What a participant has answered, and what it means.
///
/// Only what says so is taken for done or refused. All the rest may have been done, and is called again.
struct ParticipantAnswer: Sendable {
    /// The most bytes of a body that are read.
    static let maximumBytes = 64 << 10
    /// The longest time that a participant can ask to be left alone.
    static let longestRetryAfter: Duration = .seconds(3_600)

    var status: Int
    var contentType: String?
    var retryAfter: String?
    var body: [UInt8]
    /// Whether the body went on after what was read.
    var isCut: Bool

    /// What the step gives: JSON, or nothing.
    ///
    /// - Throws: `Refusal`, or ``UnknownOutcome``.
    func output() throws -> [UInt8] {
        switch self.status {
        case 200..<300:
            return !self.isCut && self.mayBeJSON && JSONReader.isValue(self.body) ? self.body : []
        case 409, 422:
            throw Refusal(self.reason ?? "it answered \(self.status)")
        case 300..<400:
            throw UnknownOutcome("it answered \(self.status) and sends elsewhere, where it is not followed to")
        default:
            throw UnknownOutcome(
                "it answered \(self.status)" + (self.reason.map { ": \($0)" } ?? ""), retryAfter: self.wish)
        }
    }

    private var mediaType: String? {
        self.contentType.map { $0.prefix { $0 != ";" }.trimmingSpaces.lowercased() }
    }

    private var mayBeJSON: Bool {
        guard let type = self.mediaType else { return true }
        return type == "application/json" || type.hasSuffix("+json")
    }

    /// After how long it wants to be called again, in the form of seconds; dates depend on whose clock is right.
    private var wish: Duration? {
        guard self.status == 429 || self.status == 503, let text = self.retryAfter,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let seconds = Int64(text.prefix(9))
        else { return nil }
        return min(.seconds(seconds), Self.longestRetryAfter)
    }

    private struct ProblemDocument: Decodable {
        var title: String?
        var detail: String?
    }

    /// Why, as it says itself: by a problem document, or in text.
    private var reason: String? {
        var text: String?
        if self.mayBeJSON, !self.isCut,
            let document = try? JSONDecoder().decode(ProblemDocument.self, from: Data(self.body))
        {
            text = document.detail ?? document.title
        } else if self.mediaType?.hasPrefix("text/plain") ?? true {
            text = String(validating: self.body.prefix(4 * TransactionLimits.reasonLength), as: UTF8.self)
        }
        guard let text else { return nil }
        // It goes to terminals and logs, which such characters could rewrite.
        let line = String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(TransactionLimits.reasonLength).map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .lineSeparator, .paragraphSeparator, .format: " "
                    default: scalar
                    }
                }))
        let trimmed = line[...].trimmingSpaces
        return trimmed.isEmpty ? nil : String(trimmed)
    }
}
