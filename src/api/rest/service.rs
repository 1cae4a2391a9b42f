//! The trait of a service, declared once for its implementations and for the
//! document.

/// Stands in for a service where only the document of its operations is wanted.
/// Nothing routes requests to it.
#[derive(Debug)]
pub struct DocumentOnly;

/// Declares the trait of a service with asynchronous methods whose futures are
/// `Send`, and implements it for [`DocumentOnly`]: the document is emitted from
/// operations over a service, and needs no real one.
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
