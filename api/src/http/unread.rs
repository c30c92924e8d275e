//! Bodies in chunks that nobody reads to their end. The framework would read on and throw away what comes, for as long
//! as it comes; while the body is kept, it closes the connection after the answer instead, as it does where
//! the length is known.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::header,
    web::Bytes,
};
use futures_util::Stream;

/// The body of a request, as its handler reads it.
struct Shared(Rc<RefCell<Payload>>);

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// The body of a request, kept until it is answered.
pub struct Kept(Option<Rc<RefCell<Payload>>>);

impl Kept {
    pub fn of(request: &mut ServiceRequest) -> Self {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return Self(None);
        }
        let payload = Rc::new(RefCell::new(request.take_payload()));
        request.set_payload(Payload::Stream { payload: Box::pin(Shared(payload.clone())) });
        Self(Some(payload))
    }

    /// The body of the answer, at whose end that of the request is let go.
    pub fn until_answered(self, body: BoxBody) -> BoxBody {
        match self.0 {
            Some(payload) => BoxBody::new(Answer { body, _payload: payload }),
            None => body,
        }
    }
}

struct Answer {
    body: BoxBody,
    _payload: Rc<RefCell<Payload>>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
