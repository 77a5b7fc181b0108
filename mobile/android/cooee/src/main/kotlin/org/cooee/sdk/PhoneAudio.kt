package org.cooee.sdk

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import android.media.AudioAttributes
import android.media.AudioDeviceCallback
import android.media.AudioDeviceInfo
import android.media.AudioFocusRequest
import android.media.AudioManager
import android.os.Build
import android.os.Handler
import android.os.Looper

/**
 * A call's sound on an Android phone: the mode for conversations, the audio focus, and the ways for sound.
 *
 * The microphone's permission is the app's to ask for, because that takes an activity: [ask] does so and
 * waits for the answer.
 */
class PhoneAudio(
    context: Context,
    private val ask: () -> Boolean,
) : PlatformAudio {
    private val context = context.applicationContext
    private val manager = context.getSystemService(Context.AUDIO_SERVICE) as AudioManager
    private val handler = Handler(Looper.getMainLooper())
    private var listener: AudioListener? = null
    private var focus: AudioFocusRequest? = null
    private var asked = false

    private val devices = object : AudioDeviceCallback() {
        override fun onAudioDevicesAdded(added: Array<out AudioDeviceInfo>) = tell(AudioNews.ROUTES_CHANGED)

        override fun onAudioDevicesRemoved(removed: Array<out AudioDeviceInfo>) = tell(AudioNews.ROUTES_CHANGED)
    }

    override fun permission(): AudioPermission {
        val granted = context.checkSelfPermission(Manifest.permission.RECORD_AUDIO)
        return when {
            granted == PackageManager.PERMISSION_GRANTED -> AudioPermission.GRANTED
            asked -> AudioPermission.DENIED
            else -> AudioPermission.UNDETERMINED
        }
    }

    override fun askPermission(): AudioPermission {
        asked = true
        return if (ask()) AudioPermission.GRANTED else AudioPermission.DENIED
    }

    @Synchronized
    override fun begin(listener: AudioListener) {
        val speech = AudioAttributes.Builder()
            .setUsage(AudioAttributes.USAGE_VOICE_COMMUNICATION)
            .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH)
            .build()
        val request = AudioFocusRequest.Builder(AudioManager.AUDIOFOCUS_GAIN_TRANSIENT)
            .setAudioAttributes(speech)
            .setOnAudioFocusChangeListener({ change -> focusChanged(change) }, handler)
            .build()
        if (manager.requestAudioFocus(request) == AudioManager.AUDIOFOCUS_REQUEST_FAILED) {
            throw CooeeException.Audio("audio", "another app keeps the sound")
        }
        focus = request
        this.listener = listener
        manager.mode = AudioManager.MODE_IN_COMMUNICATION
        manager.registerAudioDeviceCallback(devices, handler)
    }

    @Synchronized
    override fun end() {
        manager.unregisterAudioDeviceCallback(devices)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            manager.clearCommunicationDevice()
        } else {
            setLegacyRoute(null)
        }
        manager.mode = AudioManager.MODE_NORMAL
        focus?.let(manager::abandonAudioFocusRequest)
        focus = null
        listener?.close()
        listener = null
    }

    override fun routes(): List<AudioRoute> {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            val active = manager.communicationDevice?.id
            return manager.availableCommunicationDevices.map { device ->
                AudioRoute(device.id.toString(), device.productName.toString(), kind(device.type), device.id == active)
            }
        }
        val active = legacyRoute()
        return legacyRoutes().map { kind -> AudioRoute(kind.name, kind.name, kind, kind == active) }
    }

    override fun select(id: String) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            val device = manager.availableCommunicationDevices.firstOrNull { it.id.toString() == id }
                ?: throw noRoute()
            if (!manager.setCommunicationDevice(device)) {
                throw CooeeException.Audio("audio", "the phone keeps the sound where it is")
            }
        } else {
            setLegacyRoute(legacyRoutes().firstOrNull { it.name == id } ?: throw noRoute())
        }
        tell(AudioNews.ROUTES_CHANGED)
    }

    private fun focusChanged(change: Int) = when (change) {
        AudioManager.AUDIOFOCUS_GAIN -> {
            tell(AudioNews.UNDUCKED)
            tell(AudioNews.RESUMED)
        }
        AudioManager.AUDIOFOCUS_LOSS, AudioManager.AUDIOFOCUS_LOSS_TRANSIENT -> tell(AudioNews.INTERRUPTED)
        AudioManager.AUDIOFOCUS_LOSS_TRANSIENT_CAN_DUCK -> tell(AudioNews.DUCKED)
        else -> Unit
    }

    @Synchronized
    private fun tell(news: AudioNews) {
        listener?.tell(news)
    }

    private fun noRoute() = CooeeException.Audio("no_route", "there is no such route for sound (any more)")

    private fun kind(type: Int): AudioRouteKind = when (type) {
        AudioDeviceInfo.TYPE_BUILTIN_EARPIECE -> AudioRouteKind.EARPIECE
        AudioDeviceInfo.TYPE_BUILTIN_SPEAKER, AudioDeviceInfo.TYPE_BUILTIN_SPEAKER_SAFE -> AudioRouteKind.SPEAKER
        AudioDeviceInfo.TYPE_WIRED_HEADSET, AudioDeviceInfo.TYPE_WIRED_HEADPHONES,
        AudioDeviceInfo.TYPE_USB_HEADSET -> AudioRouteKind.WIRED
        AudioDeviceInfo.TYPE_BLUETOOTH_SCO, AudioDeviceInfo.TYPE_BLE_HEADSET,
        AudioDeviceInfo.TYPE_HEARING_AID -> AudioRouteKind.BLUETOOTH
        else -> AudioRouteKind.OTHER
    }

    // Before Android 12 (API 31) there are no communication devices to choose, only switches.

    @Suppress("DEPRECATION")
    private fun legacyRoutes(): List<AudioRouteKind> {
        val kinds = manager.getDevices(AudioManager.GET_DEVICES_OUTPUTS).map { kind(it.type) }.toSet()
        return listOf(AudioRouteKind.EARPIECE, AudioRouteKind.SPEAKER, AudioRouteKind.WIRED, AudioRouteKind.BLUETOOTH)
            .filter(kinds::contains)
    }

    @Suppress("DEPRECATION")
    private fun legacyRoute(): AudioRouteKind = when {
        manager.isBluetoothScoOn -> AudioRouteKind.BLUETOOTH
        manager.isSpeakerphoneOn -> AudioRouteKind.SPEAKER
        AudioRouteKind.WIRED in legacyRoutes() -> AudioRouteKind.WIRED
        else -> AudioRouteKind.EARPIECE
    }

    @Suppress("DEPRECATION")
    private fun setLegacyRoute(kind: AudioRouteKind?) {
        val bluetooth = kind == AudioRouteKind.BLUETOOTH
        if (bluetooth) manager.startBluetoothSco() else manager.stopBluetoothSco()
        manager.isBluetoothScoOn = bluetooth
        manager.isSpeakerphoneOn = kind == AudioRouteKind.SPEAKER
    }
}
