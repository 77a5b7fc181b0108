//! Where Android tells the library which app it is in.

use std::sync::OnceLock;

use jni::JNIEnv;
use jni::objects::{GlobalRef, JClass, JObject};

/// The app's context, kept for as long as the process lives: `ndk_context` has its address.
static CONTEXT: OnceLock<Option<GlobalRef>> = OnceLock::new();

/// What `org.cooee.sdk.Native.initialise(context)` calls: to be called once, before the first client, with
/// the application's context. The credential store and the sound devices need it.
#[unsafe(no_mangle)]
#[allow(
    unreachable_pub,
    reason = "Java's virtual machine calls it by its name"
)]
pub extern "system" fn Java_org_cooee_sdk_Native_initialise0<'local>(
    env: JNIEnv<'local>,
    _class: JClass<'local>,
    context: JObject<'local>,
) {
    CONTEXT.get_or_init(|| {
        let kept = env.new_global_ref(&context).and_then(|kept| {
            let vm = env.get_java_vm()?;
            // SAFETY: the virtual machine lives as long as the process, and so does the global
            // reference, which is kept in a static. This runs once, before anything asks.
            unsafe {
                ndk_context::initialize_android_context(
                    vm.get_java_vm_pointer().cast(),
                    kept.as_obj().as_raw().cast(),
                );
            }
            Ok(kept)
        });
        match kept {
            Ok(kept) => {
                cooee_sdk::android_context_is_ready();
                Some(kept)
            }
            Err(error) => {
                tracing::error!(%error, "the app's context cannot be kept");
                None
            }
        }
    });
}
