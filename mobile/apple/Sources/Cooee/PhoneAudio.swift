#if os(iOS)
import AVFAudio

/// A call's sound on an iPhone: the category and mode for conversations, the permission, the ways for sound, and
/// interruptions.
///
/// With CallKit the system activates the session itself: pass `activates: false` there, and hand the activation
/// on as CallKit tells it.
public final class PhoneAudio: PlatformAudio, @unchecked Sendable {
    private let session = AVAudioSession.sharedInstance()
    private let activates: Bool
    private let lock = NSLock()
    private var listener: AudioListener?
    private var observers: [NSObjectProtocol] = []

    public init(activates: Bool = true) {
        self.activates = activates
    }

    public func permission() -> AudioPermission {
        switch session.recordPermission {
        case .granted: return .granted
        case .denied: return .denied
        default: return .undetermined
        }
    }

    public func askPermission() -> AudioPermission {
        let answered = DispatchSemaphore(value: 0)
        session.requestRecordPermission { _ in answered.signal() }
        answered.wait()
        return permission()
    }

    public func begin(listener: AudioListener) throws {
        do {
            try session.setCategory(.playAndRecord, mode: .voiceChat, options: [.allowBluetooth])
            try session.setPreferredSampleRate(48_000)
            try session.setPreferredIOBufferDuration(0.01)
            if activates {
                try session.setActive(true)
            }
        } catch {
            throw CooeeError.Audio(code: "audio", words: error.localizedDescription)
        }
        lock.withLock { self.listener = listener }
        observe()
    }

    public func end() {
        let center = NotificationCenter.default
        lock.withLock {
            observers.forEach(center.removeObserver)
            observers = []
            listener = nil
        }
        if activates {
            try? session.setActive(false, options: .notifyOthersOnDeactivation)
        }
    }

    public func routes() -> [AudioRoute] {
        let output = session.currentRoute.outputs.first
        let loud = output?.portType == .builtInSpeaker
        var routes = (session.availableInputs ?? []).map { port in
            AudioRoute(
                id: port.uid,
                name: port.portName,
                kind: Self.kind(port.portType),
                active: !loud && port.uid == session.currentRoute.inputs.first?.uid
            )
        }
        routes.append(AudioRoute(id: Self.speaker, name: "Speaker", kind: .speaker, active: loud))
        return routes
    }

    public func select(id: String) throws {
        do {
            if id == Self.speaker {
                try session.overrideOutputAudioPort(.speaker)
                return
            }
            guard let port = session.availableInputs?.first(where: { $0.uid == id }) else {
                throw CooeeError.Audio(code: "no_route", words: "there is no such route for sound (any more)")
            }
            try session.overrideOutputAudioPort(.none)
            try session.setPreferredInput(port)
        } catch let error as CooeeError {
            throw error
        } catch {
            throw CooeeError.Audio(code: "audio", words: error.localizedDescription)
        }
    }

    private static let speaker = "speaker"

    private static func kind(_ port: AVAudioSession.Port) -> AudioRouteKind {
        switch port {
        case .builtInMic, .builtInReceiver: return .earpiece
        case .builtInSpeaker: return .speaker
        case .headsetMic, .headphones, .usbAudio: return .wired
        case .bluetoothHFP, .bluetoothLE, .bluetoothA2DP: return .bluetooth
        default: return .other
        }
    }

    private func observe() {
        let center = NotificationCenter.default
        let interruptions = center.addObserver(
            forName: AVAudioSession.interruptionNotification, object: session, queue: nil
        ) { [weak self] note in
            guard let self,
                  let raw = note.userInfo?[AVAudioSessionInterruptionTypeKey] as? UInt,
                  let type = AVAudioSession.InterruptionType(rawValue: raw)
            else { return }
            switch type {
            case .began:
                self.tell(.interrupted)
            case .ended:
                if self.activates {
                    try? self.session.setActive(true)
                }
                self.tell(.resumed)
            @unknown default:
                break
            }
        }
        let routes = center.addObserver(
            forName: AVAudioSession.routeChangeNotification, object: session, queue: nil
        ) { [weak self] _ in
            self?.tell(.routesChanged)
        }
        lock.withLock { observers = [interruptions, routes] }
    }

    private func tell(_ news: AudioNews) {
        let listener = lock.withLock { self.listener }
        listener?.tell(news: news)
    }
}
#endif
