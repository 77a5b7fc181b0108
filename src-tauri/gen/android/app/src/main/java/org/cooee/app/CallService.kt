package org.cooee.app

import android.app.Service
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.media.AudioDeviceInfo
import android.media.AudioManager
import android.os.Build
import android.os.IBinder

/**
 * Lives as long as a call: keeps microphone and connection while the app is not in front, and the phone's sound in
 * the mode for conversations.
 */
class CallService : Service() {
  override fun onBind(intent: Intent?): IBinder? = null

  override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
    val notice = Notices.call(this, intent?.getStringExtra(WITH).orEmpty())
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
      val types = ServiceInfo.FOREGROUND_SERVICE_TYPE_PHONE_CALL or ServiceInfo.FOREGROUND_SERVICE_TYPE_MICROPHONE
      startForeground(Notices.CALL, notice, types)
    } else {
      startForeground(Notices.CALL, notice)
    }
    val audio = getSystemService(AudioManager::class.java)
    audio.mode = AudioManager.MODE_IN_COMMUNICATION
    preferHeadset(audio)
    // A call does not outlive its process.
    return START_NOT_STICKY
  }

  override fun onDestroy() {
    val audio = getSystemService(AudioManager::class.java)
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
      audio.clearCommunicationDevice()
    }
    audio.mode = AudioManager.MODE_NORMAL
    super.onDestroy()
  }

  /** A headset without a wire is not taken by itself. */
  private fun preferHeadset(audio: AudioManager) {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) return
    val headset = audio.availableCommunicationDevices.firstOrNull {
      it.type == AudioDeviceInfo.TYPE_BLE_HEADSET || it.type == AudioDeviceInfo.TYPE_BLUETOOTH_SCO
    }
    headset?.let(audio::setCommunicationDevice)
  }

  companion object {
    private const val WITH = "with"

    fun start(context: Context, with: String) {
      context.startForegroundService(Intent(context, CallService::class.java).putExtra(WITH, with))
    }

    fun stop(context: Context) {
      context.stopService(Intent(context, CallService::class.java))
    }
  }
}
