//! The trait of a service, declared once for its implementations and the document.

/// The service behind the document: no request is routed to it.
#[derive(Debug)]
pub struct DocumentOnly;

/// Declares the trait of a service with asynchronous methods whose futures are `Send`,
/// and implements it for [`DocumentOnly`].
macro_rules! service {
    (
        $(#[$trait_attribute:meta])*
        pub trait $trait:ident {
            $(
                $(#[$attribute:meta])*
                async fn $method:ident(&self $(, $argument:ident: $type:ty)* $(,)?) -> $output:ty;
            )*
        }
    ) => {
        $(#[$trait_attribute])*
        pub trait $trait: Send + Sync + 'static {
            $(
                $(#[$attribute])*
                fn $method(
                    &self $(, $argument: $type)*
                ) -> impl ::std::future::Future<Output = $output> + Send;
            )*
        }

        impl $trait for $crate::api::rest::service::DocumentOnly {
            $(
                async fn $method(&self $(, _: $type)*) -> $output {
                    unreachable!("no request is routed to it")
                }
            )*
        }
    };
}
pub(in crate::api) use service;
