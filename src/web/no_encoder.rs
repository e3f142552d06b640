//! A build without the encoder: the application brings its own embedder.

use std::ops::Range;

use super::own::OwnEmbedder;
use super::shapes::BackendOut;
use crate::model::calibration::Calibration;

/// There is none.
pub(super) enum Inside {}

impl Inside {
    pub(super) fn embedder(&self) -> &OwnEmbedder {
        match *self {}
    }

    pub(super) fn backend(&self) -> BackendOut {
        match *self {}
    }

    pub(super) fn self_test(&self) -> f32 {
        match *self {}
    }

    pub(super) fn rejected(&self) -> &[String] {
        match *self {}
    }

    pub(super) fn lost(&self) -> Option<&str> {
        match *self {}
    }

    pub(super) fn calibration(&self) -> Option<&Calibration> {
        match *self {}
    }

    pub(super) fn slice(&self) -> usize {
        match *self {}
    }

    pub(super) fn chunks(&self, _: &str) -> Vec<Range<usize>> {
        match *self {}
    }
}
