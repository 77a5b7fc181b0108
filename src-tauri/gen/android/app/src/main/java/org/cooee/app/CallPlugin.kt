package org.cooee.app

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.os.Build
import app.tauri.annotation.Command
import app.tauri.annotation.InvokeArg
import app.tauri.annotation.TauriPlugin
import app.tauri.plugin.Invoke
import app.tauri.plugin.Plugin

@InvokeArg
class Who {
  var name: String = ""
}

/** What the shell tells the phone about calls; `src/system/mobile.rs` calls it. */
@TauriPlugin
class CallPlugin(private val activity: Activity) : Plugin(activity) {
  /** Asks for what calls need, once: the system shows its dialogs only for what was not decided. */
  @Command
  fun prepare(invoke: Invoke) {
    val wanted = mutableListOf(Manifest.permission.RECORD_AUDIO)
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
      wanted += Manifest.permission.BLUETOOTH_CONNECT
    }
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
      wanted += Manifest.permission.POST_NOTIFICATIONS
    }
    val missing = wanted.filter { activity.checkSelfPermission(it) != PackageManager.PERMISSION_GRANTED }
    if (missing.isNotEmpty()) {
      activity.requestPermissions(missing.toTypedArray(), 0)
    }
    invoke.resolve()
  }

  /** Somebody calls, or nobody does any more: then the name is empty. */
  @Command
  fun ring(invoke: Invoke) {
    val from = invoke.parseArgs(Who::class.java).name
    if (from.isEmpty()) Notices.endRing(activity) else Notices.ring(activity, from)
    invoke.resolve()
  }

  /** A call begins, or is over: then the name is empty. */
  @Command
  fun talk(invoke: Invoke) {
    val with = invoke.parseArgs(Who::class.java).name
    if (with.isEmpty()) CallService.stop(activity) else CallService.start(activity, with)
    invoke.resolve()
  }
}
