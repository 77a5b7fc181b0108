package org.cooee.app

import android.os.Bundle
import android.webkit.JavascriptInterface
import android.webkit.WebView
import androidx.activity.OnBackPressedCallback
import androidx.activity.enableEdgeToEdge
import androidx.core.view.ViewCompat
import androidx.core.view.WindowInsetsCompat

/** The one window: what a page cannot know of the phone it is on. */
class MainActivity : TauriActivity() {
  /** The page knows better what there is to go back from than the webview's history. */
  override val handleBackNavigation = false

  private var page: WebView? = null

  override fun onCreate(savedInstanceState: Bundle?) {
    enableEdgeToEdge()
    super.onCreate(savedInstanceState)
    // Older webviews know nothing of the bars and of the keyboard in a window that reaches under them. So the page
    // gets what is free, and all its insets are 0.
    ViewCompat.setOnApplyWindowInsetsListener(findViewById(android.R.id.content)) { view, insets ->
      val kinds = WindowInsetsCompat.Type.systemBars() or WindowInsetsCompat.Type.displayCutout() or
        WindowInsetsCompat.Type.ime()
      val taken = insets.getInsets(kinds)
      view.setPadding(taken.left, taken.top, taken.right, taken.bottom)
      WindowInsetsCompat.CONSUMED
    }
    onBackPressedDispatcher.addCallback(this, object : OnBackPressedCallback(true) {
      override fun handleOnBackPressed() = back()
    })
  }

  override fun onWebViewCreate(webView: WebView) {
    page = webView
    // The page makes everything larger with the text, and asks how large: text alone would not fit.
    webView.settings.textZoom = 100
    webView.addJavascriptInterface(Phone(), "phone")
  }

  /** What lies over the page closes first, then the pane. The app is never ended by it, only left: a call goes on. */
  private fun back() {
    val webView = page ?: return leave()
    webView.evaluateJavascript("window.cooeeBack?.() ?? false") { done -> if (done != "true") leave() }
  }

  private fun leave() {
    moveTaskToBack(true)
  }

  private inner class Phone {
    @JavascriptInterface
    fun fontScale(): Float = resources.configuration.fontScale
  }
}
