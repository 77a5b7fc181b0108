package org.cooee.app

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent

/** What is shown of calls outside of the app. */
internal object Notices {
  const val CALL = 1
  private const val RING = 2
  private const val CHANNEL_RINGS = "rings"
  private const val CHANNEL_CALL = "call"

  /** Shows that somebody calls: over the lock screen where the phone allows it. */
  fun ring(context: Context, from: String) {
    val notice = builder(context, CHANNEL_RINGS)
      .setContentTitle(context.getString(R.string.rings, from))
      .setContentText(context.getString(R.string.tap_to_answer))
      .setFullScreenIntent(open(context), true)
      .build()
    manager(context).notify(RING, notice)
  }

  fun endRing(context: Context) = manager(context).cancel(RING)

  /** What stands as long as the call goes on. */
  fun call(context: Context, with: String): Notification =
    builder(context, CHANNEL_CALL)
      .setContentTitle(context.getString(R.string.in_call, with))
      .setContentText(context.getString(R.string.back_to_call))
      .setUsesChronometer(true)
      .build()

  private fun builder(context: Context, channel: String): Notification.Builder {
    val manager = manager(context)
    manager.createNotificationChannel(
      NotificationChannel(
        CHANNEL_RINGS, context.getString(R.string.channel_rings), NotificationManager.IMPORTANCE_HIGH
      ).apply {
        // The app rings by itself.
        setSound(null, null)
      }
    )
    manager.createNotificationChannel(
      NotificationChannel(
        CHANNEL_CALL, context.getString(R.string.channel_call), NotificationManager.IMPORTANCE_LOW
      )
    )
    return Notification.Builder(context, channel)
      .setSmallIcon(R.drawable.ic_call)
      .setCategory(Notification.CATEGORY_CALL)
      .setContentIntent(open(context))
      .setOngoing(true)
  }

  private fun open(context: Context): PendingIntent {
    val intent = Intent(context, MainActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_SINGLE_TOP)
    return PendingIntent.getActivity(
      context, 0, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT
    )
  }

  private fun manager(context: Context): NotificationManager =
    context.getSystemService(NotificationManager::class.java)
}
